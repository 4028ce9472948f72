"""An HTTP proxy that knows CONNECT alone. linkproxy.py PORT LOG [USER:PASSWORD]"""
import base64
import socket
import sys
import threading


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def allowed(head, credentials):
    if credentials is None:
        return True
    want = "Basic " + base64.b64encode(credentials.encode()).decode()
    return any(line.partition(":")[2].strip() == want
               for line in head.split("\r\n") if line.lower().startswith("proxy-authorization:"))


def serve(sock, log, credentials):
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(4096)
        if not data:
            return
        head += data
    text = head.decode("latin-1")
    words = text.split()
    if words[0] != "CONNECT" or not allowed(text, credentials):
        log.write("407 %s %s\n" % (words[0], words[1]))
        sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        sock.close()
        return
    log.write("200 %s %s\n" % (words[0], words[1]))
    host, port = words[1].rsplit(":", 1)
    target = socket.create_connection((host, int(port)))
    sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(target, sock), daemon=True).start()
    pump(sock, target)


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    credentials = sys.argv[3] if len(sys.argv) > 3 else None
    with open(sys.argv[2], "a", buffering=1) as log:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock, log, credentials), daemon=True).start()


main()
