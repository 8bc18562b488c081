"""The report of a bench, in Markdown, from the raw records."""
import statistics


def mmm(v, fmt="%.1f"):
    """median (min..max)"""
    v = [x for x in v if x is not None]
    if not v:
        return "-"
    if len(v) == 1:
        return fmt % v[0]
    return "%s (%s..%s)" % (fmt % statistics.median(v), fmt % min(v), fmt % max(v))


def quant(rec, what, q):
    return rec["load"]["us"][what][q]


def added(rec, what, q):
    d = rec.get("direct")
    if not d or not rec["load"]["us"][what]["n"]:
        return None
    return quant(rec, what, q) - statistics.mean(x["us"][what][q] for x in d)


def error_share(rec, sc):
    """of the requests that ended; outside streams, those that never ended count as failed"""
    t = rec["load"]["total"]
    bad = t["errors"] + (0 if sc.get("stream") else t["unfinished"])
    return bad / max(1, t["completed"] + bad - t["errors"])


def reference(sc, ref):
    """the peer that ratios of this scenario are taken against"""
    kind = sc.get("kinds", ["plain"])[0]
    return ref if kind == "plain" else "%s-%s" % (ref, kind)


def overloaded(rec, sc):
    return bool(sc.get("rate")) and ((added(rec, "latency", "p50") or 0) > 2e5 or rec["load"]["total"]["unfinished"] > 0) \
        or sc["name"].endswith("-hot")


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|"]
    return "\n".join(out + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def ratios(recs, peer, ref, key):
    """peer / reference, both from the same round"""
    by = {}
    for r in recs:
        by.setdefault(r["round"], {})[r["peer"]] = key(r)
    return [v[peer] / v[ref] for v in by.values() if v.get(peer) and v.get(ref)]


def best_ratio(recs, peer, ref):
    """best round of the peer / best round of the reference: noise only ever adds CPU time"""
    b = [min([r["cpu_us"] for r in recs if r["peer"] == x and r["cpu_us"]], default=None) for x in (peer, ref)]
    return "%.2f" % (b[0] / b[1]) if all(b) else "-"


def report(data, ref):
    out = []
    for sc in data["scenarios"]:
        recs = [r for r in data["runs"] if r["scenario"] == sc["name"]]
        peers = [p for p in data["peers"] if any(r["peer"] == p for r in recs)]
        if not recs:
            continue
        base = reference(sc, ref)
        out.append("### %s\n\n%s\n" % (sc["name"], sc["text"]))
        rows = []
        for p in peers:
            mine = [r for r in recs if r["peer"] == p]
            if sc.get("idle"):
                row = [p, mmm([r["base_pss_kb"] / 1024 for r in mine if r["streams"] == sc["idle"][0]])]
                for n in sc["idle"]:
                    at = [r for r in mine if r["streams"] == n]
                    cell = mmm([r["kb_per_stream"] for r in at])
                    low = min([r["opened"] for r in at], default=0)
                    row.append(cell + (" [only %d open]" % low if low < n else ""))
                row.append(mmm([r["pss_kb"] / 1024 for r in mine if r["streams"] == sc["idle"][-1]]))
                row.append(mmm([100 * r["leaked"] / max(1, r["opened"]) for r in mine if r["streams"] == sc["idle"][-1]], "%.0f"))
                row.append(mmm([r.get("stall_ms") for r in mine], "%.2f"))
                rows.append(row)
                continue
            err = [error_share(r, sc) for r in mine]
            cpu = mmm([r["cpu_us"] for r in mine]) if p != "direct" else "-"
            rat = mmm(ratios(recs, p, base, lambda r: r["cpu_us"]), "%.2f") if p != "direct" else "-"
            best = best_ratio(recs, p, base) if p != "direct" else "-"
            core = mmm([100 * r["peer_core"] for r in mine], "%.0f") if p != "direct" else "-"
            if not sc.get("stream") and any(overloaded(r, sc) for r in mine):
                p += " (overload)"
            if sc.get("stream"):
                rows.append([p, cpu, rat, best, mmm([r["load"]["chunks_per_s"] for r in mine], "%.0f"), core,
                             mmm([added(r, "ttft", "p50") if p != "direct" else quant(r, "ttft", "p50") for r in mine], "%.0f"),
                             mmm([added(r, "transit", "p50") if p != "direct" else quant(r, "transit", "p50") for r in mine], "%.0f"),
                             mmm([added(r, "transit", "p99") if p != "direct" else quant(r, "transit", "p99") for r in mine], "%.0f"),
                             mmm([r["load"]["total"]["chunks"] / max(1, r["load"]["total"]["stream_reads"]) for r in mine], "%.2f"),
                             mmm([100 * e for e in err], "%.2f")])
            else:
                row = [p, cpu, rat, best, mmm([r["load"]["rps"] for r in mine], "%.0f"), core]
                row += [mmm([added(r, "latency", q) if p != "direct" else quant(r, "latency", q) for r in mine], "%.0f") for q in ("p50", "p99")]
                row.append(mmm([100 * e for e in err], "%.2f"))
                if sc["name"] == "flaky":
                    row.append(mmm([r["mock"]["requests"] / max(1, r["load"]["total"]["completed"]) for r in mine], "%.2f"))
                rows.append(row)
        if sc.get("idle"):
            head = ["peer", "PSS at rest, MB"] + ["KB per stream at %d" % n for n in sc["idle"]] + ["PSS at %d, MB" % sc["idle"][-1], "upstream still open 2 s after clients left, %",
                                                                         "longest turn of its loop meanwhile, ms"]
        elif sc.get("stream"):
            head = ["peer", "CPU us/chunk", "CPU / " + base, "best / best", "chunks/s", "core %", "added TTFT p50 us", "added chunk delay p50 us",
                    "p99 us", "chunks per read", "errors %"]
        else:
            head = ["peer", "CPU us/req", "CPU / " + base, "best / best", "requests/s", "core %", "added p50 us", "added p99 us", "errors %"]
            if sc["name"] == "flaky":
                head.append("upstream tries per request")
        out.append(table(head, rows))
        if any(r["peer"] == "direct" for r in recs):
            out.append("(the row *direct* gives absolute latencies, the others what they add to it)\n")
    out.append(stability(data, ref))
    loads = [r for r in data["runs"] if "foreign" in r]
    if loads:
        f = [r["foreign"] for r in loads]
        s = [r["steal"] for r in loads]
        out.append("Noise: CPU used by other processes (and the kernel on nobody's account) during the runs, in cores: median %.2f, max %.2f; "
                   "stolen by the host: median %.2f, max %.2f.\n" % (statistics.median(f), max(f), statistics.median(s), max(s)))
    return "\n".join(out)


def stability(data, ref):
    """how far the rounds of one and the same measurement lie apart: (max - min) / median, over all peers and scenarios"""
    def spread(v):
        v = [x for x in v if x is not None]
        m = statistics.median(v) if v else 0
        return (max(v) - min(v)) / abs(m) if len(v) > 1 and m else None
    got = {}

    def add(metric, v):
        x = spread(v)
        if x is not None:
            got.setdefault(metric, []).append(x)
    for sc in data["scenarios"]:
        recs = [r for r in data["runs"] if r["scenario"] == sc["name"]]
        for p in data["peers"]:
            mine = [r for r in recs if r["peer"] == p]
            if sc.get("idle"):
                for n in sc["idle"]:
                    add("KB per open stream, %d streams" % n, [r["kb_per_stream"] for r in mine if r["streams"] == n])
                continue
            if p == "direct" or not mine or any(overloaded(r, sc) for r in mine):
                continue
            what = "transit" if sc.get("stream") else "latency"
            add("CPU per request or chunk", [r["cpu_us"] for r in mine])
            base = reference(sc, ref)
            if p != base:
                add("CPU relative to " + ref + ", same round", ratios(recs, p, base, lambda r: r["cpu_us"]))
            add("absolute p50", [quant(r, what, "p50") for r in mine])
            add("absolute p99", [quant(r, what, "p99") for r in mine])
            add("added p50", [added(r, what, "p50") for r in mine])
            add("added p99", [added(r, what, "p99") for r in mine])
            if sc["name"].endswith("-max"):
                add("maximum throughput", [r["load"]["rps"] for r in mine])
    if not got:
        return ""
    rows = [[k, "%.0f %%" % (100 * statistics.median(v)), "%.0f %%" % (100 * max(v)), str(len(v))] for k, v in got.items()]
    return "### Stability\n\nDistance between rounds, (max - min) / median, over all peers and scenarios without overload:\n\n" + \
        table(["metric", "typical", "worst", "cases"], rows)
