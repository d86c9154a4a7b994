"""The side of a Cloud SQL instance on which the Auth Proxy knocks: TLS, and nobody without a certificate that Cloud SQL's API gave
out. Who logs in by it is let through as the database's user of that name alone, and needs no password. For tests.
"""

import asyncio
import ssl
import struct

PORT = 3307
# PostgreSQL trusts whom comes from there.
LOGGED_IN = "127.0.0.2"
KNOCKS = "127.0.0.1"
# Asks PostgreSQL for encryption of its own: https://www.postgresql.org/docs/current/protocol-message-formats.html
ENCRYPTION_REQUESTS = (80877103, 80877104)


async def startup(reader, writer):
    """The first message of a client, and the user in it."""
    while True:
        length, code = struct.unpack("!ii", await reader.readexactly(8))
        content = await reader.readexactly(length - 8)
        if code not in ENCRYPTION_REQUESTS:
            words = content.decode().split("\0")
            return struct.pack("!ii", length, code) + content, dict(zip(words[::2], words[1::2])).get("user")
        writer.write(b"N")


async def pipe(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def admit(reader, writer):
    subject = dict(pair for part in writer.get_extra_info("peercert")["subject"] for pair in part)
    message, user = await startup(reader, writer)
    logs_in = subject["organizationalUnitName"] == "logs in"
    if logs_in and user not in (None, subject["commonName"]):
        print(f"{subject['commonName']} must not log in as {user}", flush=True)
        writer.close()
        return
    source = (LOGGED_IN if logs_in else KNOCKS, 0)
    inner_reader, inner_writer = await asyncio.open_connection(KNOCKS, 5432, local_addr=source)
    inner_writer.write(message)
    ways = [pipe(reader, inner_writer), pipe(inner_reader, writer)]
    await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
    inner_writer.close()
    writer.close()


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/files/tls.crt", "/files/tls.key")
    context.load_verify_locations("/files/ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(admit, "0.0.0.0", PORT, ssl=context)
    async with server:
        await server.serve_forever()


asyncio.run(main())
