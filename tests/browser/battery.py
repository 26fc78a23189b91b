"""What a device has and a machine for tests lacks."""

from __future__ import annotations

BATTERY = """
globalThis.battery = Object.assign(new EventTarget(), {charging: true});
Object.defineProperty(Navigator.prototype, 'getBattery', {value: async () => globalThis.battery});
globalThis.plug = (charging) => {
  battery.charging = charging;
  battery.dispatchEvent(new Event('chargingchange'));
};
globalThis.turn = (state) => {
  Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
};
globalThis.locks = [];
Object.defineProperty(Navigator.prototype, 'wakeLock', {value: {request: async () => {
  locks.push('taken');
  return {release: async () => { locks.push('released'); }};
}}});
"""
"""A battery, a visibility and a screen lock, for `init_script`, that the test moves."""
