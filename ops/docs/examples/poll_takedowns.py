"""Takedowns over HTTP, without a package: ``poll_takedowns.py URL TOKEN [CURSOR]``; fill in ``remove``."""
# ruff: noqa: INP001, S310, T201 - a script to be copied

import json
import sys
import time
from urllib.request import Request, urlopen

url, token, cursor = (*sys.argv[1:], "")[:3]
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def remove(post: dict[str, str]) -> dict[str, str]:
    """Remove the post, perhaps again, and return what came of it: removed, gone, or refused with a reason."""
    return {"outcome": "removed" if post["url"] else "gone"}


while True:
    after = f"?after={cursor}" if cursor else ""
    with urlopen(Request(f"{url}/v1/takedowns{after}", headers=headers), timeout=60) as response:
        page = json.load(response)
    for takedown in page["takedowns"]:
        print(json.dumps(takedown), flush=True)
        if takedown["state"] == "requested":  # on withdrawn, restore the post
            outcome = json.dumps(remove(takedown["post"])).encode()
            urlopen(Request(f"{url}/v1/takedowns/{takedown['takedown_id']}/outcome", outcome, headers), timeout=60)
    cursor = page["next"]  # keep it, and go on from it after a restart
    time.sleep(0 if page["more"] else 10)
