"""python3-requests as a client.

requests_client.py SCHEME USER PASSWORD FILE URL

SCHEME is basic or digest. It gets URL, and posts FILE to it over the same connection; what comes is
printed, after a line with the status.
"""
import sys

import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

scheme, user, password, file, url = sys.argv[1:]
session = requests.Session()
session.trust_env = False
session.auth = {"basic": HTTPBasicAuth, "digest": HTTPDigestAuth}[scheme](user, password)
with open(file, "rb") as body:
    for response in session.get(url), session.post(url, data=body.read()):
        print("status=%d" % response.status_code)
        print(response.text)
