"""Small words for readers that insist."""
from . import BadWire

NUMBER = (int, float)


def need(condition, text, *seen):
    if not condition:
        raise BadWire(text + "".join(" %r" % (s,) for s in seen)[:400])


def member(value, name, kind):
    """value[name], which must be there and of that kind"""
    need(isinstance(value, dict), "no object:", value)
    need(name in value, "no %s in" % name, value)
    found = value[name]
    need(isinstance(found, kind) and not (isinstance(found, bool) and kind is not bool and bool not in
                                          (kind if isinstance(kind, tuple) else (kind,))),
         "%s is not of its kind:" % name, found)
    return found


def maybe(value, name, kind):
    """value[name], or None where it is absent or null"""
    return None if value.get(name) is None else member(value, name, kind)


def only(value, *names):
    """no member but these"""
    strange = set(value) - set(names)
    need(not strange, "members that the protocol does not have:", sorted(strange))


def counted(value, name):
    """a count of tokens: absent, or a number that is none below 0"""
    found = maybe(value, name, int)
    need(found is None or found >= 0, "a count below 0:", value)
    return found
