"""A TLS server in front of a mock provider, with a certificate made for the test."""
import socket
import ssl
import subprocess
import threading


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_certificate(folder, name="localhost", file="cert"):
    """a self-signed certificate for `name`: (file, key file)"""
    certificate, key = str(folder / (file + ".pem")), str(folder / (file + ".key"))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
            "-out", certificate, "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name)
    return certificate, key


def make_expired(folder, name="localhost"):
    """an authority, and a certificate of it that was good yesterday: (authority's file, file, key file)"""
    authority, authority_key = make_certificate(folder, "test authority", "authority")
    request, key, certificate = (str(folder / ("old." + kind)) for kind in ("csr", "key", "pem"))
    extensions = folder / "old.ext"
    extensions.write_text("subjectAltName=DNS:%s\n" % name)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
            request, "-subj", "/CN=" + name)
    openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "-1",
            "-extfile", str(extensions), "-out", certificate)
    return authority, certificate, key


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def over(context, play, seen=None):
    """`play` behind a handshake; whether a session was resumed is appended to `seen`"""
    def play_tls(peer):
        peer.sock = context.wrap_socket(peer.sock, server_side=True)
        if seen is not None:
            seen.append(peer.sock.session_reused)
        play(peer)
    return play_tls


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for sock in (source, sink):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Tunnel:
    """Takes TLS connections and passes their bytes on to a port."""

    def __init__(self, certificate, key, port):
        self.context = server_context(certificate, key)
        self.target, self.accepted = port, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
                client = self.context.wrap_socket(plain, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.accepted += 1
            upstream = socket.create_connection(("127.0.0.1", self.target))
            for pair in ((client, upstream), (upstream, client)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    def close(self):
        self.listener.close()
