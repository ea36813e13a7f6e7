from mlgym_core.publish.backoff import LONGEST_S, SHORTEST_S, Backoff


def test_pauses_double_up_to_the_longest_each_with_a_random_part():
    backoff = Backoff()
    longest = SHORTEST_S
    for _ in range(20):
        assert longest / 2 <= backoff.pause() <= longest
        longest = min(2 * longest, LONGEST_S)
    assert longest == LONGEST_S


def test_after_a_success_it_begins_anew():
    backoff = Backoff()
    for _ in range(5):
        backoff.pause()
    backoff.reset()
    assert backoff.pause() <= SHORTEST_S


def test_two_clients_do_not_come_back_at_once():
    first, second = Backoff(), Backoff()
    assert [first.pause() for _ in range(5)] != [second.pause() for _ in range(5)]
