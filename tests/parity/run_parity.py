#!/usr/bin/env python3
"""Replay the parity corpus against a collector and compare its answers with the recorded ones.

usage: run_parity.py --start "CMD {conf} {port}" [--root DIR ...] [--suite NAME ...] [--url http://127.0.0.1:{port}]
                     [--verbose] [--min 100] [--jobs 1] [--skip-defect] [--ignore-header NAME ...] [--no-hex] [--deviations FILE]

{conf} is the absolute path of the suite's divolte-collector.conf inside a scratch copy of the suite, {port} a free
port on the loopback interface; the command runs with that scratch folder as its working directory, where the
directories that the configuration names (out/...) exist already. It must stay in the foreground and stop on SIGTERM.
Python 3.11, standard library and fastavro.  The file formats are described in README.md beside this file.
"""
import argparse
import base64
import concurrent.futures
import fnmatch
import glob
import io
import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from urllib.parse import urlsplit

import fastavro

HEADERS = ("content-type", "content-encoding", "etag", "cache-control", "pragma", "expires", "allow", "vary",
           "content-length", "server", "connection")
TS = "<server-time>"
ANY = "<any>"


# ---------------------------------------------------------------- files
def jsonl(path):
    with open(path, encoding="utf-8") as fh:
        return [json.loads(line) for line in fh if line.strip()]


def suite_dirs(roots):
    found = []
    for root in roots:
        for path in sorted(glob.glob(os.path.join(root, "*", "suite.json"))):
            found.append(os.path.dirname(path))
    return found


# ---------------------------------------------------------------- HTTP
def request_body(req):
    if "body_b64" in req:
        return base64.b64decode(req["body_b64"])
    if "body" in req:
        return req["body"].encode("utf-8")
    return None


def request_headers(req):
    h = req.get("headers") or {}
    return [tuple(p) for p in h] if isinstance(h, list) else list(h.items())


def build_request(req, host, port, seen):
    body = request_body(req)
    heads = []
    for name, value in request_headers(req):
        m = re.fullmatch(r"(.*)\{\{etag:([^}]+)\}\}(.*)", value, re.S)
        if m:      # the ETag that this run's server gave in answer to an earlier request
            value = m.group(1) + seen.get(m.group(2), "") + m.group(3)
        heads.append((name, value))
    names = {n.lower() for n, _ in heads}
    if "host" not in names and not req.get("no_host"):
        heads.insert(0, ("Host", "%s:%d" % (host, port)))
    chunked = req.get("chunked")
    if chunked:
        heads.append(("Transfer-Encoding", "chunked"))
    elif body is not None and "content-length" not in names:
        heads.append(("Content-Length", str(len(body))))
    head = "%s %s HTTP/%s\r\n" % (req["method"], req["target"], req.get("http", "1.1"))
    head += "".join("%s: %s\r\n" % p for p in heads) + "\r\n"
    if chunked:
        size, out = int(chunked), b""
        for i in range(0, len(body or b""), size):
            part = body[i:i + size]
            out += b"%x\r\n%s\r\n" % (len(part), part)
        body = out + b"0\r\n\r\n"
    return head.encode("utf-8"), body or b"", "expect" in names


class Reader:
    def __init__(self, sock):
        self.sock, self.buf = sock, b""

    def more(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, TimeoutError):
            data = b""
        self.buf += data
        return bool(data)

    def head(self):
        while b"\r\n\r\n" not in self.buf:
            if not self.more():
                return None
        raw, self.buf = self.buf.split(b"\r\n\r\n", 1)
        lines = raw.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        heads = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            heads[name] = heads[name] + ", " + value if name in heads else value
        return status, heads

    def exactly(self, n):
        while len(self.buf) < n and self.more():
            pass
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def line(self):
        while b"\r\n" not in self.buf and self.more():
            pass
        out, _, self.buf = self.buf.partition(b"\r\n")
        return out

    def body(self, method, status, heads):
        if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
            return b""
        if "chunked" in heads.get("transfer-encoding", "").lower():
            out = b""
            while True:
                size = int(self.line().split(b";")[0] or b"0", 16)
                if size == 0:
                    self.line()
                    return out
                out += self.exactly(size)
                self.line()
        if "content-length" in heads:
            return self.exactly(int(heads["content-length"]))
        while self.more():
            pass
        return self.buf


def exchange(req, host, port, seen):
    """Send one request on a connection of its own; -> {"status", "headers", "body", "continued"}; status 0 = no answer."""
    head, body, expect = build_request(req, host, port, seen)
    sock = socket.create_connection((host, port), timeout=10)
    try:
        rd, answer, continued = Reader(sock), None, False
        try:
            if expect:
                sock.sendall(head)
                sock.settimeout(1.5)
                answer = rd.head()
                sock.settimeout(10)
                if answer is None or answer[0] == 100:      # told to go on, or tired of waiting
                    continued = answer is not None
                    sock.sendall(body)
                    answer = rd.head()
            else:
                sock.sendall(head + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        if answer is None:
            answer = rd.head()
        while answer and 100 <= answer[0] < 200:
            continued, answer = True, rd.head()
        if answer is None:
            return {"status": 0, "headers": {}, "body": b"", "continued": continued}
        status, heads = answer
        return {"status": status, "headers": heads, "body": rd.body(req["method"], status, heads), "continued": continued}
    finally:
        sock.close()


def normalise_answer(req, ans, ignore=()):
    """The comparable part of an answer. Tag and test page are compared without the body."""
    heads = {k: v for k, v in ans["headers"].items() if k in HEADERS and k not in ignore}
    out = {"status": ans["status"], "headers": heads}
    if ans.get("continued"):
        out["continued"] = True
    kind = heads.get("content-type", "")
    if req.get("opaque") or kind.startswith("text/html") or kind.startswith("application/javascript"):
        if "content-length" in heads and heads["content-length"] != "0":
            heads["content-length"] = ANY
        if "etag" in heads:
            heads["etag"] = re.sub(r'^(W/)?"(gz\+)?[^"]+"$', lambda m: '%s"%s<etag>"' % (m.group(1) or "", m.group(2) or ""),
                                   heads["etag"])
    elif len(ans["body"]) < 2048:
        out["body_b64"] = base64.b64encode(ans["body"]).decode()
    return out


# ---------------------------------------------------------------- Avro
def plain(v):
    """A record as plain JSON: bytes and fixed -> {"$b64": ..}, non-finite numbers -> {"$float": ..}."""
    if isinstance(v, (bytes, bytearray)):
        return {"$b64": base64.b64encode(bytes(v)).decode()}
    if isinstance(v, float) and not math.isfinite(v):
        return {"$float": "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"}
    if isinstance(v, float):
        return {"$float": repr(v)} if v == int(v) else v      # keeps 1.0 and -0.0 apart from the integers
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


def has_big_map(v, schema):
    """True when an Avro map with more than one entry is inside (its byte order is not defined)."""
    if isinstance(schema, list):
        return any(has_big_map(v, s) for s in schema if s != "null") if v is not None else False
    if isinstance(schema, dict):
        t = schema["type"]
        if t == "map" and isinstance(v, dict):
            return len(v) > 1 or any(has_big_map(x, schema["values"]) for x in v.values())
        if t == "array" and isinstance(v, list):
            return any(has_big_map(x, schema["items"]) for x in v)
        if t in ("record", "error") and isinstance(v, dict):
            return any(has_big_map(v.get(f["name"]), f["type"]) for f in schema["fields"])
        if isinstance(t, (dict, list)):
            return has_big_map(v, t)
    return False


def read_long(fh):
    shift = n = 0
    while True:
        b = fh.read(1)
        if not b:
            raise EOFError
        n |= (b[0] & 0x7F) << shift
        shift += 7
        if not b[0] & 0x80:
            return (n >> 1) ^ -(n & 1)


def physical(schema):
    """The schema without logical types: values are compared as they are stored."""
    if isinstance(schema, dict):
        return {k: physical(v) if k in ("type", "items", "values", "fields") else v for k, v in schema.items() if k != "logicalType"}
    return [physical(s) for s in schema] if isinstance(schema, list) else schema


def container(path):
    """-> [(record, record's own bytes, writer schema)] of one Avro object container file; a torn tail is ignored."""
    out = []
    with open(path, "rb") as fh:
        data = fh.read()
    fh = io.BytesIO(data)
    try:
        if fh.read(4) != b"Obj\x01":
            return out
        meta = {}
        while True:
            n = read_long(fh)
            if n == 0:
                break
            if n < 0:
                read_long(fh)
                n = -n
            for _ in range(n):
                key = fh.read(read_long(fh)).decode()
                meta[key] = fh.read(read_long(fh))
        sync = fh.read(16)
        schema = physical(json.loads(meta["avro.schema"]))
        parsed = fastavro.parse_schema(schema, named_schemas={})
        codec = meta.get("avro.codec", b"null").decode()
        while fh.tell() < len(data):
            count, size = read_long(fh), read_long(fh)
            block = fh.read(size)
            if len(block) < size or fh.read(16) != sync:
                break
            if codec == "deflate":
                import zlib
                block = zlib.decompress(block, -15)
            elif codec != "null":
                raise ValueError("codec " + codec)
            blk = io.BytesIO(block)
            for _ in range(count):
                at = blk.tell()
                rec = fastavro.schemaless_reader(blk, parsed)
                out.append((rec, block[at:blk.tell()], schema))
            if blk.tell() != len(block):
                raise ValueError("block holds more than its records")
    except EOFError:
        pass
    return out


def read_sinks(folder, sinks, problems=None):
    """-> [{"sink", "record", "bytes", "schema"}] in file order; published files first, then files still open."""
    out = []
    for name in sinks:
        base = os.path.join(folder, "out", name)
        files = sorted(glob.glob(os.path.join(base, "**", "*.avro"), recursive=True))
        files += sorted(glob.glob(os.path.join(base, "**", "*.avro.partial"), recursive=True))
        for path in files:
            try:
                items = container(path)
            except Exception as e:      # not an Avro container, or not readable with its own schema
                items = []
                if problems is not None:
                    problems.append("%s: %r" % (os.path.relpath(path, folder), e))
            out += [{"sink": name, "record": rec, "bytes": raw, "schema": schema} for rec, raw, schema in items]
    return out


def normalise_record(item, volatile, span, want_hex):
    rec = dict(item["record"])
    masked = False
    for f in volatile:
        v = rec.get(f)
        if isinstance(v, int) and span[0] - 5000 <= v <= span[1] + 5000:
            rec[f], masked = TS, True
    out = {"sink": item["sink"], "record": plain(rec)}
    if want_hex and not masked and not has_big_map(item["record"], item["schema"]):
        out["hex"] = item["bytes"].hex()
    return out


def record_order(r):
    return r["sink"], json.dumps(r["record"], sort_keys=True)


# ---------------------------------------------------------------- server
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, template, folder, url):
        self.port = free_port()
        self.folder = folder
        parts = urlsplit(url.replace("{port}", str(self.port)))
        self.host, self.port_out = parts.hostname, parts.port or self.port
        conf = os.path.join(folder, "divolte-collector.conf")
        cmd = [a.replace("{conf}", conf).replace("{port}", str(self.port)) for a in shlex.split(template)]
        self.log_path = os.path.join(folder, "server.log")
        self.log_fh = open(self.log_path, "wb")
        self.proc = subprocess.Popen(cmd, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log_fh,
                                     stderr=subprocess.STDOUT, start_new_session=True)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as fh:
            return fh.read()

    def ping(self):
        try:
            return exchange({"method": "GET", "target": "/ping"}, self.host, self.port_out, {})["status"] == 200
        except OSError:
            return False

    def wait_up(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if self.proc.poll() is not None:
                return False
            if self.ping():
                return True
            time.sleep(0.1)
        return False

    def stop(self, seconds=30):
        if self.proc.poll() is None:
            try:
                self.proc.send_signal(signal.SIGTERM)
                self.proc.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        try:        # whatever our own command left in its own process group
            os.killpg(self.proc.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.proc.wait()
        self.log_fh.close()


def prepare(suite, scratch):
    meta = json.load(open(os.path.join(suite, "suite.json"), encoding="utf-8"))
    folder = os.path.join(scratch, os.path.basename(suite))
    shutil.copytree(suite, folder, ignore=shutil.ignore_patterns("expected.json*", "requests.jsonl", "out"))
    for d in meta.get("dirs", []):
        os.makedirs(os.path.join(folder, d), exist_ok=True)
    return meta, folder


def key_of(rec, field):
    v = rec
    for part in field.split("."):
        v = v.get(part) if isinstance(v, dict) else None
    return v


def drive(server, meta, folder, requests, want=None, wait=5.0):
    """Replay the requests; -> (answers by id, records by id, records that belong to no request and unreadable files)."""
    answers, seen = {}, {}
    start = time.time() * 1000
    for req in requests:
        try:
            ans = exchange(req, server.host, server.port_out, seen)
        except OSError as e:
            ans = {"status": 0, "headers": {}, "body": repr(e).encode()}
        answers[req["id"]] = ans
        if "etag" in ans["headers"]:
            seen[req["id"]] = ans["headers"]["etag"]
        if req.get("pause_ms"):
            time.sleep(req["pause_ms"] / 1000)
    end = time.time() * 1000
    sinks = meta.get("sinks", [])
    limit = time.time() + min(wait, meta.get("wait_s", wait))
    while True:
        n = len(read_sinks(folder, sinks))
        if (want is not None and n >= want) or time.time() > limit:
            break
        time.sleep(0.2)
    server.stop()
    ids = {}
    for req in requests:
        ids.setdefault(req.get("key", req["id"]), req["id"])
    by_id, stray, problems = {}, [], []
    for item in read_sinks(folder, sinks, problems):
        rid = ids.get(key_of(item["record"], meta["key"]))
        item = normalise_record(item, meta.get("volatile", []), (start, end), True)
        if rid is None:
            stray.append(item)
        else:
            by_id.setdefault(rid, []).append(item)
    for items in by_id.values():
        items.sort(key=record_order)
    stray += problems
    return answers, by_id, stray


# ---------------------------------------------------------------- comparison
def diff_records(want, got, use_hex):
    msgs = []
    if len(want) != len(got):
        msgs.append("records: expected %d, got %d" % (len(want), len(got)))
    for w, g in zip(want, got):
        if w["sink"] != g["sink"]:
            msgs.append("sink: expected %s, got %s" % (w["sink"], g["sink"]))
        wr, gr = w["record"], g["record"]
        for f in list(wr) + [f for f in gr if f not in wr]:
            a, b = wr.get(f, "<no such field>"), gr.get(f, "<no such field>")
            if json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
                msgs.append("field %s: expected %s, got %s" % (f, json.dumps(a, ensure_ascii=False),
                                                               json.dumps(b, ensure_ascii=False)))
        if use_hex and "hex" in w and w["hex"] != g.get("hex"):
            msgs.append("bytes: expected %s, got %s" % (w["hex"], g.get("hex")))
    return msgs


def compare(req, exp, ans, records, opts):
    msgs = []
    got = normalise_answer(req, ans, opts.ignore_header)
    heads = {k: v for k, v in exp["headers"].items() if k not in opts.ignore_header}
    if exp["status"] != got["status"]:
        msgs.append("status: expected %s, got %s" % (exp["status"], got["status"]))
    for k in sorted(set(heads) | set(got["headers"])):
        a, b = heads.get(k), got["headers"].get(k)
        if a != b:
            msgs.append("header %s: expected %r, got %r" % (k, a, b))
    if "body_b64" in exp and exp["body_b64"] != got.get("body_b64"):
        msgs.append("body: expected %r, got %r" % (base64.b64decode(exp["body_b64"])[:200], ans["body"][:200]))
    if bool(exp.get("continued")) != bool(got.get("continued")):
        msgs.append("100 Continue: expected %s" % bool(exp.get("continued")))
    return msgs + diff_records(exp["records"], records, not opts.no_hex)


def left_over(suite, rid, msgs, opts):
    """The messages that no entry of the deviations file names; marks the entries that were needed."""
    for entry in opts.deviation_list:
        if not (fnmatch.fnmatchcase(suite, entry["suite"]) and fnmatch.fnmatchcase(rid, entry.get("id", "*"))):
            continue
        fields = entry.get("fields")
        named = [m for m in msgs if fields is None or m.startswith("bytes: ")
                 or any(m.startswith("field %s: " % f) for f in fields)]
        if named and (fields is None or any(not m.startswith("bytes: ") for m in named)):
            entry["used"] = entry.get("used", 0) + 1
            msgs = [m for m in msgs if m not in named]
    return msgs


def run_startup(suite, scratch, opts):
    meta, folder = prepare(suite, scratch)
    exp = json.load(open(os.path.join(suite, "expected.json"), encoding="utf-8"))
    server = Server(opts.start, folder, opts.url)
    facts, started, since = exp["message_contains"], False, None
    end = time.time() + opts.startup
    try:
        while time.time() < end:
            if server.proc.poll() is not None:
                break
            if server.ping():
                started = True
                break
            if all(f in server.log() for f in facts):
                since = since or time.time()
                if time.time() - since > opts.grace:      # said why, never listened, lingers
                    break
            time.sleep(0.2)
    finally:
        server.stop(5)
    msgs = []
    if started != exp["starts"]:
        msgs.append("server started, expected a failure")
    else:
        log = server.log()
        msgs += ["message lacks %r" % f for f in facts if f not in log]
    if not msgs:
        return 1, 0, 1, []
    name = os.path.basename(suite)
    msgs = left_over(name, name, msgs, opts)
    return (0, 0, 1, [(name, msgs)]) if msgs else (0, 1, 1, [])


def run_suite(suite, scratch, opts):
    meta = json.load(open(os.path.join(suite, "suite.json"), encoding="utf-8"))
    if os.path.exists(os.path.join(suite, "expected.json")):
        return run_startup(suite, scratch, opts)
    requests = jsonl(os.path.join(suite, "requests.jsonl"))
    expected = {e["id"]: e for e in jsonl(os.path.join(suite, "expected.jsonl"))}
    meta, folder = prepare(suite, scratch)
    server = Server(opts.start, folder, opts.url)
    try:
        if not server.wait_up(opts.startup):
            return 0, 0, len(requests), [("(start)", ["server did not start: " + server.log()[-2000:]])]
        want = sum(len(e["records"]) for e in expected.values())
        answers, records, stray = drive(server, meta, folder, requests, want, opts.wait)
    finally:
        server.stop()
    bad, passed, named, name = [], 0, 0, os.path.basename(suite)
    for req in requests:
        msgs = compare(req, expected[req["id"]], answers[req["id"]], records.get(req["id"], []), opts)
        rest = left_over(name, req["id"], msgs, opts)
        if rest:
            bad.append((req["id"], rest))
        elif msgs:
            named += 1
        else:
            passed += 1
    total = len(requests)
    if stray:        # counted as one more comparison that failed
        total += 1
        bad.append(("(stray)", ["%d record(s) of no request or unreadable file(s): %s" % (len(stray), json.dumps(stray[0])[:500])]))
    return passed, named, total, bad


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--start", required=True, help='command that starts a server, for example "collector {conf} {port}"')
    ap.add_argument("--url", default="http://127.0.0.1:{port}", help="base URL template")
    ap.add_argument("--root", action="append", help="folder of suites (default: public and hidden beside this file)")
    ap.add_argument("--suite", action="append", help="only this suite (repeatable)")
    ap.add_argument("--skip-defect", action="store_true", help="leave out the defect-* suites")
    ap.add_argument("--min", type=float, default=100.0, help="least share in percent for exit status 0")
    ap.add_argument("--jobs", type=int, default=1, help="suites at a time")
    ap.add_argument("--wait", type=float, default=5.0, help="seconds to wait for records before the server is stopped")
    ap.add_argument("--startup", type=float, default=40.0, help="seconds a start may take")
    ap.add_argument("--grace", type=float, default=6.0, help="start-up suites: seconds without a port after the message was seen")
    ap.add_argument("--ignore-header", action="append", default=[], help="response header not to compare (repeatable)")
    ap.add_argument("--deviations", help="JSON list of differences that are wanted: suite and id (patterns), fields (record fields; "
                    "without it any difference), why")
    ap.add_argument("--no-hex", action="store_true", help="do not compare the records' raw Avro bytes")
    ap.add_argument("--keep", help="keep scratch copies (and server logs) in this folder")
    ap.add_argument("--verbose", action="store_true")
    opts = ap.parse_args()
    opts.deviation_list = json.load(open(opts.deviations, encoding="utf-8")) if opts.deviations else []
    if any(not e.get("why") or "suite" not in e for e in opts.deviation_list):
        sys.exit("every deviation needs a suite and a why")
    opts.ignore_header = [h.lower() for h in opts.ignore_header]
    roots = opts.root or [d for d in (os.path.join(here, "public"), os.path.join(here, "hidden")) if os.path.isdir(d)]
    suites = suite_dirs(roots)
    if opts.suite:
        suites = [s for s in suites if os.path.basename(s) in opts.suite]
    if opts.skip_defect:
        suites = [s for s in suites if not os.path.basename(s).startswith("defect-")]
    if not suites:
        sys.exit("no suites found")
    scratch = opts.keep or tempfile.mkdtemp(prefix="parity-")
    os.makedirs(scratch, exist_ok=True)
    lock, sums = threading.Lock(), [0, 0, 0]

    def one(suite):
        name = os.path.basename(suite)
        shutil.rmtree(os.path.join(scratch, name), ignore_errors=True)
        try:
            passed, named, total, bad = run_suite(suite, scratch, opts)
        except Exception:
            path = os.path.join(suite, "requests.jsonl")
            passed, named, total = 0, 0, len(jsonl(path)) if os.path.exists(path) else 1
            bad = [("(runner)", [traceback.format_exc()])]
        with lock:
            sums[0] += passed
            sums[1] += named
            sums[2] += total
            print("%-34s %4d/%-4d %s%s" % (name, passed, total, "%d named " % named if named else "",
                                           "" if passed + named == total else "DIFFERS"), flush=True)
            if opts.verbose:
                for rid, msgs in bad:
                    for m in msgs:
                        print("    %s: %s" % (rid, m), flush=True)

    try:
        with concurrent.futures.ThreadPoolExecutor(opts.jobs) as pool:
            list(pool.map(one, suites))
    finally:
        if not opts.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    for entry in opts.deviation_list:
        if not entry.get("used") and not opts.suite:
            print("deviation never met: %s" % json.dumps(entry, ensure_ascii=False))
    share = 100.0 * (sums[0] + sums[1]) / sums[2]
    print("parity: %d of %d requests identical, %d named deviations, %d differ (%.2f %% identical or named)"
          % (sums[0], sums[2], sums[1], sums[2] - sums[0] - sums[1], math.floor(share * 100) / 100))
    sys.exit(0 if share >= opts.min else 1)


if __name__ == "__main__":
    main()
