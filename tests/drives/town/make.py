"""Makes the recording of the town: builds the network, drives it with SUMO, stages the incidents.

Usage: make.py OUT

Writes `town.fcd.xml.gz`, SUMO's floating car data, and `town.events.json`, what was staged, into
the folder OUT. The same SUMO gives the same bytes.
"""

import gzip
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import sumo

sys.path.append(os.path.join(sumo.SUMO_HOME, "tools"))
import traci  # noqa: E402 (found by the line above)

HERE = Path(__file__).resolve().parent
BINARIES = Path(sumo.SUMO_HOME) / "bin"

# SUMO's speed mode: keep to the greatest acceleration and deceleration, but to nothing else.
PHYSICS_ONLY = 0b00110
ALL_CHECKS = 0b11111
# SUMO's vehicle signals.
HAZARD_LIGHTS = 0b0100
BRAKE_LIGHT = 0b1000


@dataclass
class Plan:
    """What shall happen: from a moment on, to the first car that fits."""

    kind: str
    after_s: float
    edges: tuple[str, ...]
    speed_min_mps: float


@dataclass
class Kind:
    """How an incident goes."""

    # ETSI TS 102 894-2, `CauseCode` and its sub cause.
    cause_code: int
    sub_cause_code: int
    decel_mps2: float
    standing_s: float
    # Between the car and its follower at the beginning.
    gap_m: tuple[float, float]
    lights: int


KINDS = {
    # A driver brakes as hard as the car can, stands for a moment, and goes on.
    "emergency_brake": Kind(99, 1, 7.5, 2.0, (12.0, 35.0), BRAKE_LIGHT),
    # A car rolls to a stop in its lane, and stands with its hazard lights on.
    "breakdown": Kind(94, 2, 2.5, 50.0, (15.0, 150.0), HAZARD_LIGHTS),
}

PLAN = [
    Plan("emergency_brake", 75.0, ("west-a", "d-east"), 16.0),
    Plan("breakdown", 95.0, ("b-c", "c-d"), 9.0),
    Plan("emergency_brake", 120.0, ("c-b", "d-c", "b-a"), 11.0),
    Plan("emergency_brake", 170.0, ("east-d", "a-west"), 16.0),
]


class Incident:
    """One staged event, from the choice of its vehicle until that vehicle drives on."""

    def __init__(self, plan, vehicle, follower, gap_m, now_s):
        self.kind, self.vehicle = KINDS[plan.kind], vehicle
        self.usual_decel = traci.vehicle.getDecel(vehicle)
        self.decel = 0.0
        self.stopped_s = None
        longitude, latitude = traci.simulation.convertGeo(*traci.vehicle.getPosition(vehicle))
        self.event = {
            "kind": plan.kind,
            "vehicle": vehicle,
            "time_s": round(now_s, 1),
            "cause_code": self.kind.cause_code,
            "sub_cause_code": self.kind.sub_cause_code,
            "lat": round(latitude, 7),
            "lon": round(longitude, 7),
            "heading_deg": round(traci.vehicle.getAngle(vehicle), 1),
            "speed_mps": round(traci.vehicle.getSpeed(vehicle), 2),
            "follower": follower,
            "gap_m": round(gap_m, 1),
        }
        traci.vehicle.setSpeedMode(vehicle, PHYSICS_ONLY)
        traci.vehicle.setLaneChangeMode(vehicle, 0)
        traci.vehicle.setSpeed(vehicle, 0.0)

    def step(self, now_s):
        """Goes on by one step; false once it is over."""
        # Brakes take about 0.3 s to bite.
        self.decel = min(self.kind.decel_mps2, self.decel + self.kind.decel_mps2 / 3)
        traci.vehicle.setDecel(self.vehicle, self.decel)
        speed = traci.vehicle.getSpeed(self.vehicle)
        traci.vehicle.setSignals(self.vehicle, self.kind.lights)
        if self.stopped_s is None and speed < 0.01:
            self.stopped_s = now_s
            self.event["stopped_s"] = round(now_s, 1)
        if self.stopped_s is None or now_s < self.stopped_s + self.kind.standing_s:
            return True
        self.event["until_s"] = round(now_s, 1)
        traci.vehicle.setDecel(self.vehicle, self.usual_decel)
        traci.vehicle.setSpeedMode(self.vehicle, ALL_CHECKS)
        traci.vehicle.setLaneChangeMode(self.vehicle, 0b011001010101)
        traci.vehicle.setSpeed(self.vehicle, -1)
        traci.vehicle.setSignals(self.vehicle, -1)
        return False


def candidate(plan, taken):
    """The first car, by name, that can play the part, with its follower and the gap between them."""
    kind = KINDS[plan.kind]
    for vehicle in sorted(traci.vehicle.getIDList()):
        is_free_car = vehicle not in taken and traci.vehicle.getTypeID(vehicle) == "passenger"
        if not is_free_car or traci.vehicle.getRoadID(vehicle) not in plan.edges:
            continue
        speed = traci.vehicle.getSpeed(vehicle)
        lane_m = traci.lane.getLength(traci.vehicle.getLaneID(vehicle))
        to_end_m = lane_m - traci.vehicle.getLanePosition(vehicle)
        way_to_stop_m = speed * speed / (2 * kind.decel_mps2)
        if speed < plan.speed_min_mps or to_end_m < way_to_stop_m + 20.0:
            continue
        follower, gap_m = traci.vehicle.getFollower(vehicle, 200.0)
        if follower and kind.gap_m[0] <= gap_m <= kind.gap_m[1]:
            return vehicle, follower, gap_m
    return None


def drive(network, fcd):
    """Runs the simulation and stages the plan; returns what was staged."""
    config = str(HERE / "town.sumocfg")
    traci.start([str(BINARIES / "sumo"), "-c", config, "--net-file", str(network),
                 "--fcd-output", str(fcd)])
    waiting, running, events, taken = list(PLAN), [], [], set()
    collisions = 0
    while traci.simulation.getTime() < traci.simulation.getEndTime():
        traci.simulationStep()
        now_s = traci.simulation.getTime()
        collisions += traci.simulation.getCollidingVehiclesNumber()
        for plan in [plan for plan in waiting if now_s >= plan.after_s]:
            found = candidate(plan, taken)
            if found:
                waiting.remove(plan)
                running.append(Incident(plan, *found, now_s))
                events.append(running[-1].event)
                taken.update(found[:2])
        running = [incident for incident in running if incident.step(now_s)]
    traci.close()
    assert not waiting and not running, f"not staged: {waiting}, not over: {running}"
    assert collisions == 0, f"{collisions} collisions"
    return events


def without_run(fcd):
    """Takes date, port and folders of this run out of SUMO's header, so that runs are alike."""
    text = gzip.decompress(fcd.read_bytes()).decode()
    text = re.sub(r"generated on \S+ by", "generated by", text, count=1)
    text = re.sub(r"\s*<traci_server>.*?</traci_server>", "", text, count=1, flags=re.DOTALL)
    text = text.replace(f"{HERE}/", "").replace(f"{fcd.parent}/", "")
    fcd.write_bytes(gzip.compress(text.encode(), mtime=0))
    return text


def check(text, events):
    """Holds the recording against what was planned, and notes how hard each car braked."""
    tracks = {}
    for step in ElementTree.fromstring(text):
        for vehicle in step:
            state = float(step.get("time")), float(vehicle.get("speed"))
            tracks.setdefault(vehicle.get("id"), []).append(state)
    assert len(tracks) >= 60, f"{len(tracks)} vehicles"
    for event in events:
        states = [state for state in tracks[event["vehicle"]]
                  if event["time_s"] - 0.1 <= state[0] <= event["until_s"]]
        decels = [(before[1] - after[1]) / 0.1 for before, after in pairwise(states)]
        event["decel_max_mps2"] = round(max(decels), 2)
        standing_s = event["until_s"] - event["stopped_s"]
        if event["kind"] == "emergency_brake":
            assert event["decel_max_mps2"] >= 6.0, event
        else:
            assert standing_s >= 40.0, event
    states = sum(len(track) for track in tracks.values())
    print(f"{len(tracks)} vehicles, {states} states, {len(events)} events")


def main():
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    network, fcd = out / "town.net.xml", out / "town.fcd.xml.gz"
    subprocess.run(
        [BINARIES / "netconvert", "--node-files", "town.nod.xml", "--edge-files", "town.edg.xml",
         "--output-file", str(network), "--no-turnarounds.except-deadend",
         "--tls.default-type", "actuated"],
        cwd=HERE, check=True)
    events = drive(network, fcd)
    check(without_run(fcd), events)
    (out / "town.events.json").write_text(json.dumps({"events": events}, indent=1) + "\n")


if __name__ == "__main__":
    main()
