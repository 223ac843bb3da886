"""An agent, seen from a driving stack in Python.

Importing this module makes the gRPC classes of every schema under `proto/` and puts them on the
path, so that `from wayside.world.v1 import world_pb2` works and can never be out of date.
"""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

import grpc
import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[3] / "proto"


def _make_classes():
    """Compiles the schemas into a folder that lives as long as this process."""
    out = tempfile.mkdtemp(prefix="wayside-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    schemas = sorted(str(path) for path in PROTO.glob("wayside/*/v1/*.proto"))
    arguments = [
        "protoc", f"-I{PROTO}", f"-I{well_known}",
        f"--python_out={out}", f"--grpc_python_out={out}", *schemas,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"the schemas in {PROTO} do not compile")
    sys.path.insert(0, out)


_make_classes()

from wayside.agent.v1 import agent_pb2_grpc  # noqa: E402 (made by the line above)
from wayside.hazard.v1 import hazard_pb2, hazard_pb2_grpc  # noqa: E402
from wayside.replay.v1 import replay_pb2, replay_pb2_grpc  # noqa: E402
from wayside.telemetry.v1 import telemetry_pb2, telemetry_pb2_grpc  # noqa: E402
from wayside.types.v1 import types_pb2  # noqa: E402
from wayside.world.v1 import world_pb2, world_pb2_grpc  # noqa: E402


class Agent:
    """One agent. Its services are attributes; the methods are for what every stack does.

    `address` is `unix:/run/wayside/agent.sock` or `127.0.0.1:PORT`.
    """

    def __init__(self, address):
        # Of a unix socket, gRPC would send the path as the name of the host, which is not one.
        options = [("grpc.default_authority", "localhost")]
        self.channel = grpc.insecure_channel(address, options)
        self.info = agent_pb2_grpc.AgentServiceStub(self.channel)
        self.telemetry = telemetry_pb2_grpc.TelemetryServiceStub(self.channel)
        self.hazards = hazard_pb2_grpc.HazardServiceStub(self.channel)
        self.world = world_pb2_grpc.WorldServiceStub(self.channel)
        self.replay = replay_pb2_grpc.ReplayServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def publish(self, states, **options):
        """Publishes an iterable of `VehicleState` as it yields; gives the agent's answers."""
        requests = (
            telemetry_pb2.PublishRequest(sequence=sequence, state=state)
            for sequence, state in enumerate(states, start=1)
        )
        return self.telemetry.Publish(requests, **options)

    def events(self, timeout=None, **request):
        """Gives all that the agent knows, then every change: `SubscribeResponse` of the world.

        Keywords are those of `wayside.world.v1.SubscribeRequest`. `cancel()` on it ends it, and so
        does the timeout, in seconds, with an error.
        """
        return self.world.Subscribe(world_pb2.SubscribeRequest(**request), timeout=timeout)

    def road(self, **request):
        """Gives the other road users as they are thought to be now: a list of `Object`.

        Keywords are those of `wayside.world.v1.GetWorldRequest`.
        """
        return list(self.world.GetWorld(world_pb2.GetWorldRequest(**request)).objects)

    def report(self, cause_code, latitude_deg, longitude_deg, validity_s=60, radius_m=500.0):
        """Reports a danger to everybody near; gives the name to update or cancel it by."""
        event = hazard_pb2.Event(
            cause=types_pb2.Cause(code=cause_code),
            position=types_pb2.Position(latitude_deg=latitude_deg, longitude_deg=longitude_deg),
            relevance_radius_m=radius_m,
        )
        event.validity.FromSeconds(validity_s)
        return self.hazards.Report(hazard_pb2.ReportRequest(event=event)).action_id

    def step(self, seconds):
        """Lets a replayed drive go on for a while of its own time; returns when it stands again."""
        request = replay_pb2.StepRequest()
        request.duration.FromMilliseconds(round(seconds * 1000))
        return self.replay.Step(request).clock


def state(latitude_deg, longitude_deg, **known):
    """A `VehicleState` at a position; what is not given is unavailable, and 0 is a measurement."""
    position = types_pb2.Position(latitude_deg=latitude_deg, longitude_deg=longitude_deg)
    return types_pb2.VehicleState(position=position, **known)
