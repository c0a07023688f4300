"""Free ports are different, free, and none that the kernel gives to connections."""

from __future__ import annotations

import socket
from pathlib import Path

from local.ports import FIRST, LAST, free_ports


def test_they_are_different_and_can_be_listened_on() -> None:
    ports = free_ports(40)
    assert len(set(ports)) == 40
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_that_somebody_has_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", free_ports(1)[0])) as taken:
        assert taken.getsockname()[1] not in free_ports(200)


def test_the_kernel_gives_none_of_them_to_a_connection() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert FIRST < LAST < lowest
