"""Builds gateway.lua texts, so that a test shows only what it is about."""
import json


def lua(value, indent=""):
    """a Python value as a Lua literal; a string that begins with "=" is Lua code"""
    if isinstance(value, dict):
        inner = indent + "  "
        rows = ["%s[%s] = %s,\n" % (inner, json.dumps(k), lua(v, inner)) for k, v in value.items()]
        return "{\n" + "".join(rows) + indent + "}"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(v, indent) for v in value) + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value[1:] if value.startswith("=") else json.dumps(value, ensure_ascii=False)
    return repr(value)


ADMIN = {"listen": "127.0.0.1:0", "token": "admin-token"}


def config(providers=None, **settings):
    """a whole gateway.lua: one worker, the log in a file beside it, retries without waiting long"""
    whole = {"workers": 1, "log": {"file": "@LOG@"}, **settings}
    if providers is not None:
        whole["providers"] = providers
    return "return " + lua(whole) + "\n"


def provider(upstream, key="sk-canary-one", extends="openai", **more):
    """a provider that is a mock; `upstream` is an Upstream or a base_url"""
    base_url = upstream if isinstance(upstream, str) else upstream.url
    return {"extends": extends, "base_url": base_url, **({"keys": [key]} if key else {}), **more}


def one(upstream, **settings):
    """provider "one" alone: model "one/m" """
    return config({"one": provider(upstream)}, **settings)


def group(*upstreams, model=None, **settings):
    """providers a, b, c ... tried in this order for the model "group" """
    names = [chr(ord("a") + i) for i in range(len(upstreams))]
    providers = {n: provider(u, "sk-canary-" + n) for n, u in zip(names, upstreams)}
    targets = {"targets": [n + "/m" for n in names], "pick": "ordered", **(model or {})}
    return config(providers, models={"group": targets}, **settings)
