"""Gateways whose model "smart" has a policy, "p", written by the test."""
from config import config, provider

POLICY = "scripts/policies/p.lua"


def policy(top="", **hooks):
    """the file of a policy: its hooks as the bodies of functions; `top` stands before it"""
    arguments = {"route": "req", "accept": "req, res", "on_event": "req, event", "on_finish": "req, sum"}
    parts = ["  %s = function(%s)\n    %s\n  end,\n" % (name, arguments[name], body) for name, body in hooks.items()]
    return {POLICY: "%s\nreturn tide.policy {\n%s}\n" % (top, "".join(parts))}


def policed(*upstreams, **settings):
    """providers a, b, c ... and the model "smart" of all of them, in this order, with the policy "p" """
    names = [chr(ord("a") + i) for i in range(len(upstreams))]
    providers = {name: provider(u, "sk-canary-" + name) for name, u in zip(names, upstreams)}
    models = {"smart": {"targets": [name + "/m" for name in names], "pick": "ordered", "policy": "p"}}
    models.update(settings.pop("models", {}))
    return config(providers, models=models, **settings)
