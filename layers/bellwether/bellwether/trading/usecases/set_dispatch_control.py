"""Halt and resume dispatching, and say how it stands."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.trading.ports.dispatch import DispatchControls


class DispatchState(BaseModel):
    """The manual kill switch as it stands. Orders that were approved before a halt may still be `on_their_way`."""

    model_config = ConfigDict(frozen=True)

    halted: bool
    changed: bool
    changed_at: AwareDatetime
    actor: str
    reason: str
    on_their_way: int


def set_dispatch_control(controls: DispatchControls, *, halted: bool | None, actor: str, reason: str) -> DispatchState:
    """Set the switch, also when it stands so already: who did it, and why, is kept. None for `halted` only looks."""
    control = controls.current() if halted is None else controls.change(halted=halted, actor=actor, reason=reason)
    return DispatchState(
        halted=control.halted,
        changed=halted is not None,
        changed_at=control.changed_at,
        actor=control.actor,
        reason=control.reason,
        on_their_way=controls.on_their_way(),
    )
