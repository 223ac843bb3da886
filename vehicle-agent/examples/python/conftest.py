"""Fixtures for the tests of a driving stack: agents, and recordings to drive in."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from wayside_client import Agent

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("WAYSIDE", str(REPOSITORY / "target/release/wayside"))
END_TIMEOUT_S = 20


@pytest.fixture
def wayside():
    """Starts `wayside` with some arguments, until the test ends; gives what it says when ready."""
    running = []

    def start(*arguments):
        process = subprocess.Popen([BINARY, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        running.append(process)
        return json.loads(process.stdout.readline())

    yield start
    for process in running:
        process.terminate()
    try:
        assert [process.wait(END_TIMEOUT_S) for process in running] == [0] * len(running)
    finally:
        for process in running:
            process.kill()


@pytest.fixture
def wayside_agents(wayside, tmp_path):
    """Gives two agents of a new trust domain, neighbours of each other."""
    domain, port = tmp_path / "domain", str(two_free_ports())
    ports = ["--quic-port", port, "--metrics-port", port]
    subprocess.run([BINARY, "pki", "init", "--out", domain, "--vehicles", "2", *ports], check=True)
    agents = []
    for vehicle in ("vehicle-1", "vehicle-2"):
        ready = wayside("agent", "--config", domain / vehicle / "agent.toml")
        agents.append(Agent(ready["grpc"]))
    yield agents
    for agent in agents:
        agent.channel.close()


@pytest.fixture
def wayside_replay(wayside):
    """Replays a recording but for one vehicle, which the test drives; gives that one's agent.

    The drive stands still at its beginning: `agent.step(seconds)` lets it go on, here four times as
    fast as it was recorded.
    """
    agents = []

    def replay(recording, vehicle):
        ready = wayside("replay", REPOSITORY / recording, "--live", "--rate", "4", "--serve", vehicle)
        agents.append(Agent(ready["grpc"]))
        return agents[-1]

    yield replay
    for agent in agents:
        agent.channel.close()


def two_free_ports():
    """The first of two ports in a row that nobody uses now, for UDP and for TCP."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for candidate in (port, port + 1):
                    with socket.socket(type=kind) as probe:
                        probe.bind(("127.0.0.1", candidate))
            return port
        except OSError:
            continue
