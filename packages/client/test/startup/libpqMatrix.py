"""Connects with libpq as each line of standard input says, and answers one JSON line each. Driven by captureMatrix.ts."""
import ctypes, json, sys

pq = ctypes.CDLL(sys.argv[1])
pq.PQconnectdb.restype, pq.PQconnectdb.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
pq.PQerrorMessage.restype, pq.PQerrorMessage.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
for name in ("PQstatus", "PQsslInUse", "PQfinish"):
    getattr(pq, name).argtypes = [ctypes.c_void_p]

for line in sys.stdin:
    connection = pq.PQconnectdb(line.strip().encode())
    ok = pq.PQstatus(connection) == 0
    outcome = ("ssl" if pq.PQsslInUse(connection) else "plain") if ok else "fail"
    print(json.dumps({"outcome": outcome, "error": pq.PQerrorMessage(connection).decode()}), flush=True)
    pq.PQfinish(connection)
