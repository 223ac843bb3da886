"""How a driving stack is tested against a recording."""


def test_the_car_ahead_brakes_hard(wayside_replay):
    agent = wayside_replay("tests/drives/town.mcap", vehicle="eastbound.9")
    agent.step(seconds=16.5)
    hardest = min(other.state.longitudinal_acceleration_m_per_s2 for other in agent.road())
    assert hardest < -6.0
