"""Two agents as two processes, each with a driving stack."""

import time

from wayside_client import state

STATIONARY_VEHICLE = 94
TIMEOUT_S = 20


def test_a_neighbour_is_seen(wayside_agents):
    alice, bob = wayside_agents
    answers = alice.publish(standing(55.0, 2.5))
    assert not next(answers).rejected
    seen = first(bob, "object").state
    answers.cancel()
    assert (seen.position.latitude_deg, seen.position.longitude_deg) == (55.0, 2.5)
    assert seen.speed_m_per_s == 0.0
    assert not seen.HasField("length_m")


def test_a_hazard_arrives(wayside_agents):
    alice, bob = wayside_agents
    answers = alice.publish(standing(55.0, 2.5))
    assert not next(answers).rejected
    action = alice.report(STATIONARY_VEHICLE, 55.001, 2.5)
    hazard = first(bob, "hazard")
    answers.cancel()
    assert hazard.action_id == action
    assert hazard.cause.code == STATIONARY_VEHICLE


def standing(latitude_deg, longitude_deg):
    """A car that stands, ten times a second."""
    while True:
        yield state(latitude_deg, longitude_deg, heading_deg=0.0, speed_m_per_s=0.0)
        time.sleep(0.1)


def first(agent, kind):
    """The first event of a kind that an agent tells."""
    for event in agent.events(timeout=TIMEOUT_S):
        if event.WhichOneof("event") == kind:
            return getattr(event, kind)
