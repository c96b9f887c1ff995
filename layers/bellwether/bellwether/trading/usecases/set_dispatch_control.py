"""Halt or resume dispatch, and return its state."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bellwether.trading.ports.dispatch import DispatchControls


class DispatchState(BaseModel):
    """State of the manual kill switch. Orders approved before a halt may still be in `open_orders`."""

    model_config = ConfigDict(frozen=True)

    halted: bool
    changed: bool
    changed_at: AwareDatetime
    actor: str
    reason: str
    open_orders: int


def set_dispatch_control(controls: DispatchControls, *, halted: bool | None, actor: str, reason: str) -> DispatchState:
    """Set the switch and record actor and reason, even without a change. `halted=None` only reads the state."""
    control = controls.current() if halted is None else controls.change(halted=halted, actor=actor, reason=reason)
    return DispatchState(
        halted=control.halted,
        changed=halted is not None,
        changed_at=control.changed_at,
        actor=control.actor,
        reason=control.reason,
        open_orders=controls.open_orders(),
    )
