"""python3-requests-ntlm as a client.

ntlm_client.py CA BINDING USER PASSWORD FILE URL...

BINDING is right, wrong or absent; FILE is what to POST, "" for GET. Each URL gives
a line with the status, and the content.
"""
import sys

import requests
from requests_ntlm import HttpNtlmAuth

ca, binding, user, password, file, *urls = sys.argv[1:]
if binding == "wrong":
    HttpNtlmAuth._get_server_cert = lambda self, response: "00" * 32
session = requests.Session()
session.trust_env = False
session.verify = ca
session.auth = HttpNtlmAuth(user, password, send_cbt=binding != "absent")
for url in urls:
    if file:
        with open(file, "rb") as body:
            response = session.post(url, data=body.read())
    else:
        response = session.get(url)
    print("status=%d" % response.status_code)
    print(response.text)
