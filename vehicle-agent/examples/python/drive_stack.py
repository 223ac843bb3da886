"""A driving stack in one page: publishes where its vehicle is, and prints what its agent knows of
the others.

    python drive_stack.py unix:/run/wayside/agent.sock

The address is the agent's unix socket, or 127.0.0.1:PORT. The vehicle drives north at 10 m/s from
55 N 2.5 E; a latitude and a longitude after the address start it elsewhere.
"""

import sys
import threading
import time

from wayside_client import Agent, state

PERIOD_S = 0.1
SPEED_M_PER_S = 10.0
# The length of a degree of latitude; good enough for a made-up drive.
METRES_PER_DEGREE = 111_320.0


def drive_north(latitude_deg, longitude_deg):
    """A state each 100 ms."""
    due = time.monotonic()
    while True:
        latitude_deg += SPEED_M_PER_S * PERIOD_S / METRES_PER_DEGREE
        yield state(latitude_deg, longitude_deg, heading_deg=0.0, speed_m_per_s=SPEED_M_PER_S)
        due += PERIOD_S
        time.sleep(max(0.0, due - time.monotonic()))


def print_refusals(answers):
    """Every state is answered; those that were refused say why."""
    for answer in answers:
        for rejected in answer.rejected:
            print("refused:", rejected.reason, rejected.message, flush=True)


def describe(event):
    """One line for an event of the world, or None for one that says nothing new."""
    match event.WhichOneof("event"):
        case "object":
            vehicle = event.object.state
            place = vehicle.position
            speed = f"{vehicle.speed_m_per_s:.1f} m/s" if vehicle.HasField("speed_m_per_s") else "speed unknown"
            return f"{event.object.station_id} at {place.latitude_deg:.6f} {place.longitude_deg:.6f}, {speed}"
        case "object_removed":
            return f"{event.object_removed.station_id} is gone"
        case "hazard":
            cause, place = event.hazard.cause, event.hazard.position
            return f"hazard {cause.code} ({cause.name}) at {place.latitude_deg:.6f} {place.longitude_deg:.6f}"
        case "hazard_removed":
            return "a hazard is over"
        case "snapshot_end":
            return f"{event.snapshot_end.objects} objects known"
        case "gap":
            return f"missed {event.gap.dropped} events"
        case _:
            # A heartbeat shows that the stream lives; a newer agent may send what we do not know.
            return None


def main():
    address, *place = sys.argv[1:]
    latitude_deg, longitude_deg = map(float, place or (55.0, 2.5))
    with Agent(address) as agent:
        answers = agent.publish(drive_north(latitude_deg, longitude_deg))
        threading.Thread(target=print_refusals, args=(answers,), daemon=True).start()
        for event in agent.events():
            if line := describe(event):
                print(line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
