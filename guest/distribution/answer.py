# The Python userland: one JSON object per line on port 5001, one in reply.
import hashlib
import json
import math
import socket
import sys


def answer(request):
    text = request["text"]
    return {
        "python": sys.version.split()[0],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "reversed": text[::-1],
        "power": str(pow(7, 1234)),
        "root": math.sqrt(request["number"]),
    }


server = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
server.bind((socket.VMADDR_CID_ANY, 5001))
server.listen()
with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as parent:
    parent.connect((3, 9001))
    parent.sendall(b"ready\n")
while True:
    connection, _ = server.accept()
    with connection, connection.makefile("rw") as lines:
        for line in lines:
            lines.write(json.dumps(answer(json.loads(line))) + "\n")
            lines.flush()
