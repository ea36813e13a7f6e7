from mlgym_core.components.checkpointing import EveryEpoch, LastEpoch, NoCheckpoints


def test_the_last_epoch_alone_is_kept() -> None:
    assert LastEpoch().decide(0, []).delete == ()
    decision = LastEpoch().decide(3, [2])

    assert decision.save
    assert decision.kept_as == ("last",)
    assert decision.delete == (2,)


def test_every_epoch_is_kept() -> None:
    decision = EveryEpoch().decide(3, [0, 1, 2])

    assert decision.save
    assert decision.delete == ()


def test_nothing_is_kept() -> None:
    assert not NoCheckpoints().decide(3, []).save
