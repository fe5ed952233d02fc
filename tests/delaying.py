"""Carry packets between network devices, each after a delay, as a network of that length does.

    python -I -S delaying.py ONE_WAY_MS NAME=ADDRESS...

Makes a TUN device of each name, to which packets for its address go. Prints `ready` once all are there, and ends with
who started it.
"""

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

DEVICE = "/dev/net/tun"
_SET_DEVICE = 0x400454CA
"""TUNSETIFF: `linux/if_tun.h`."""
_PACKETS_ONLY = 0x1001
"""IFF_TUN | IFF_NO_PI."""
_MOST_BYTES = 65_536
_DESTINATION = slice(16, 20)
"""Of a header of IPv4; packets of IPv6 have other bytes there, and are lost."""


def main(one_way_ms: str, *places: str) -> None:
    """Carry packets until the end."""
    delay_s = float(one_way_ms) / 1e3
    devices = {}
    for place in places:
        name, _, address = place.partition("=")
        devices[bytes(map(int, address.split(".")))] = _device(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    underway: deque[tuple[float, int, bytes]] = deque()
    while True:
        left_s = max(0.0, underway[0][0] - time.monotonic()) if underway else None
        arrived, _, _ = select.select(list(devices.values()), [], [], left_s)
        for device in arrived:
            packet = os.read(device, _MOST_BYTES)
            if (target := devices.get(packet[_DESTINATION])) is not None:
                underway.append((time.monotonic() + delay_s, target, packet))
        while underway and underway[0][0] <= time.monotonic():
            _, target, packet = underway.popleft()
            os.write(target, packet)


def _device(name: str) -> int:
    """Make a device, and return its descriptor: the device lives as long as that is open."""
    device = os.open(DEVICE, os.O_RDWR)
    fcntl.ioctl(device, _SET_DEVICE, struct.pack("16sH22x", name.encode(), _PACKETS_ONLY))
    return device


if __name__ == "__main__":
    main(*sys.argv[1:])
