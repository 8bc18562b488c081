"""What a running program still holds open after a test, from /proc alone."""
import os
from collections import Counter

LISTEN, ESTABLISHED = "0A", "01"
OPENED_ONCE = 32  # files that libuv and libcurl open when they are first needed, and keep


def parse_tcp(table):
    """{inode: state} of a text like /proc/net/tcp"""
    rows = [line.split() for line in table.split("\n")[1:]]
    return {row[9]: row[3] for row in rows if len(row) > 9}


def read_tcp(pid):
    found = {}
    for name in ("tcp", "tcp6"):
        with open("/proc/%d/net/%s" % (pid, name), encoding="ascii") as file:
            found.update(parse_tcp(file.read()))
    return found


def read_links(pid):
    links = []
    for name in os.listdir("/proc/%d/fd" % pid):
        try:
            links.append(os.readlink("/proc/%d/fd/%s" % (pid, name)))
        except FileNotFoundError:  # closed meanwhile
            pass
    return links


def count(links, tcp):
    """open files by kind: "listening", "open", "stale" (a TCP connection that only this side holds), "other" """
    kinds = Counter()
    for link in links:
        state = tcp.get(link.removeprefix("socket:[").removesuffix("]"))
        kinds["other" if state is None else "listening" if state == LISTEN else
              "open" if state == ESTABLISHED else "stale"] += 1
    return kinds


def look(pid):
    # The table is read first: a socket that is closed in between is in no list of files any more.
    tcp = read_tcp(pid)
    return count(read_links(pid), tcp)


def excess(before, now):
    """what is wrong with the files that are open `now`; "" when nothing is"""
    if now["stale"]:
        return "%d connections that the other side has closed" % now["stale"]
    if now["listening"] != before["listening"]:
        return "%d listeners, %d at the start" % (now["listening"], before["listening"])
    if now["other"] > before["other"] + OPENED_ONCE:
        return "%d files, %d at the start" % (now["other"], before["other"])
    return ""
