#!/bin/sh
# Brings what is missing, and nothing else: deps.sh [build] [test] [bench].
#
# Each need is tested by what it is for (a command, a pkg-config name, a file), so anything that did
# not come from apt counts too, and a machine that has everything makes no call to apt at all.
# What is only unpacked, and the test packages of Python and Node, go to build/deps.
set -eu
cd "$(dirname "$0")/.."
deps=$PWD/build/deps
mkdir -p "$deps"
missing=""

need() { # need PACKAGE COMMAND...: PACKAGE is missing unless COMMAND succeeds
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has() { command -v "$1"; }
library() { pkg-config --exists "$1"; }

need_build() {
  need gcc has gcc
  need libc6-dev test -e /usr/include/stdio.h
  need cmake has cmake
  need ninja-build has ninja
  need pkg-config has pkg-config
  need libluajit-5.1-dev library luajit
  need libuv1-dev library libuv
  need libcurl4-openssl-dev library libcurl
  need libcjson-dev library libcjson
  need libssl-dev library openssl
  need zlib1g-dev library zlib
  need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
  need curl has curl
}

fuzzer_runtime() { ls "$(clang -print-runtime-dir)"/libclang_rt.fuzzer*.a; }
new_node() { node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; }

need_test() {
  need libcmocka-dev library cmocka
  need clang has clang
  need clang-format has clang-format
  need clang-tidy has clang-tidy
  # the version is that of the clang that is there, or will be
  version=$(clang -dumpversion 2>/dev/null | cut -d. -f1 || true)
  need "libclang-rt-${version:-14}-dev" fuzzer_runtime
  need lua-busted has busted
  need lua-check has luacheck
  need luajit has luajit
  need python3 has python3
  need openssl has openssl
  need python3-venv python3 -c 'import ensurepip, venv'
  need nodejs new_node
  need npm has npm
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else
    echo "not root and no sudo; as root please run: $*" >&2
    exit 1
  fi
}

update_once() { # the package lists of a fresh machine are empty
  if [ -z "${updated:-}" ]; then
    as_root apt-get update -q
    updated=yes
  fi
}

install_missing() {
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    echo "missing (by their Debian names):$missing" >&2
    echo "install them with this system's package manager and try again" >&2
    exit 1
  fi
  echo "installing:$missing"
  update_once
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

unpack() { # unpack PACKAGE FOLDER: a Debian package beside the system
  command -v apt-get >/dev/null || return 1
  work=$deps/unpack.$$
  mkdir -p "$work"
  (cd "$work" && { apt-get download -q "$1" >apt.log 2>&1 || { update_once && apt-get download -q "$1"; }; })
  dpkg -x "$work"/*.deb "$work/root"
  rm -rf "$2"
  mv "$work/root" "$2"
  rm -rf "$work"
}

get_llhttp() {
  pkg-config --exists libllhttp && return 0
  [ -e "$deps/llhttp/usr/share/include/llhttp/llhttp.h" ] && return 0
  if [ -e /usr/share/include/llhttp/llhttp.h ] && [ -e /usr/share/llhttp/llhttp.c ]; then
    mkdir -p "$deps/llhttp/usr/share/include"
    cp -r /usr/share/llhttp "$deps/llhttp/usr/share/"
    cp -r /usr/share/include/llhttp "$deps/llhttp/usr/share/include/"
    return 0
  fi
  unpack node-llhttp "$deps/llhttp" || {
    echo "missing: llhttp, Node's HTTP parser (libllhttp with its pkg-config file); the fuzz preset needs it" >&2
    exit 1
  }
}

get_nginx() { # unpacked, not installed: installing it would start a server
  PATH=$PATH:/usr/sbin:$deps/nginx/usr/sbin
  command -v nginx >/dev/null && return 0
  unpack nginx "$deps/nginx" || echo "no nginx: the benchmark needs it to compare with" >&2
}

fresh() { # fresh STAMP FILE...: true when the stamp holds the sums of the files
  stamp=$1
  shift
  [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | cksum)" ]
}

get_python_packages() {
  list=spec/e2e/requirements.txt
  fresh "$deps/venv/stamp" "$list" && "$deps/venv/bin/python" -c '' 2>/dev/null && return 0
  echo "installing the test packages of Python"
  rm -rf "$deps/venv"
  python3 -m venv "$deps/venv"
  "$deps/venv/bin/pip" install -q --disable-pip-version-check -r "$list"
  cksum <"$list" >"$deps/venv/stamp"
}

get_node_packages() {
  from=spec/e2e/node
  fresh "$deps/node/stamp" $from/package.json $from/package-lock.json && return 0
  echo "installing the test packages of Node"
  mkdir -p "$deps/node"
  cp $from/package.json $from/package-lock.json $from/.npmrc "$deps/node/"
  (cd "$deps/node" && npm ci --no-progress --loglevel=error)
  cat $from/package.json $from/package-lock.json | cksum >"$deps/node/stamp"
}

for part in "$@"; do
  case $part in
    build) need_build ;;
    test) need_test ;;
    bench) need python3 has python3 ;;
    *) echo "deps.sh: unknown part '$part'" >&2; exit 2 ;;
  esac
done
install_missing
for part in "$@"; do
  case $part in
    test) get_llhttp; get_python_packages; get_node_packages ;;
    bench) get_nginx ;;
  esac
done
