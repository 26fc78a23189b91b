"""A page of another origin, open on the owner's machine while the coordinator runs there."""

from __future__ import annotations

from typing import Any

from tests.browser.canary import Canary
from tests.browser.conftest import Execution, Open

ATTEMPTS = """
async ({ base, token, number }) => {
  const seen = [`control ${(await fetch(location.href)).status}`];
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
  const paths = ['/', '/api/job', '/api/stats', `/api/workers/${number}/dismiss`];
  for (const path of paths) for (const method of methods) for (const mode of ['cors', 'no-cors']) {
    for (const headers of [{}, { Authorization: `Bearer ${token}` }]) {
      try {
        const options = { method, mode, headers, credentials: 'include' };
        const answer = await fetch(base + path, options);
        seen.push(`${mode} ${answer.type} ${(await answer.text()).length}`);
      } catch (error) {
        seen.push(`${mode} ${error.name}`);
      }
    }
  }
  const socket = new WebSocket(base.replace('http', 'ws') + '/socket');
  seen.push('socket ' + await new Promise((resolve) => {
    socket.onopen = () => { resolve('open'); };
    socket.onerror = () => resolve('refused');
  }));
  return [...new Set(seen)].sort();
}
"""


def test_a_page_of_another_origin_is_not_heard(canary: Canary, volunteer: Open) -> None:
    """By any method or a WebSocket, even with a token; it reads nothing and changes nothing."""
    with Execution(local_workers=1) as d:
        d.wait_for_workers(1)
        (before,) = d.stats().workers
        base, _, token = d.dashboard_url.partition("/owner#")
        page = volunteer(canary.url).page

        given: dict[str, Any] = {"base": base, "token": token, "number": before.number}
        seen = page.evaluate(ATTEMPTS, given)

        (after,) = d.stats().workers

    # Even answers that any page may ask for, as of a link, are kept from it by the browser.
    assert seen == ["control 200", "cors TypeError", "no-cors TypeError", "socket refused"]
    assert after.number == before.number
