"""python3-gssapi with gss-ntlmssp as a client, over one connection.

gssapi_client.py HOST PORT CA BINDING USER FLAGS

BINDING is right, wrong or absent; FLAGS is none, sign or seal. The password is in
the file that NTLM_USER_FILE names. Each request gives a line with the status; then
come the server's protected messages, as far as they hold, and the client's own go
out with a second request.
"""
import base64
import hashlib
import http.client
import ssl
import sys

import gssapi
from gssapi.raw import ChannelBindings

host, port, ca, binding, user, protection = sys.argv[1:]
NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
Flag = gssapi.RequirementFlag
flags = {
    "none": [],
    "sign": [Flag.integrity, Flag.replay_detection, Flag.out_of_sequence_detection],
    "seal": [Flag.integrity, Flag.confidentiality, Flag.replay_detection, Flag.out_of_sequence_detection],
}[protection]

tls = ssl.create_default_context(cafile=ca)
conn = http.client.HTTPSConnection(host, int(port), context=tls)
conn.connect()
hash = hashlib.sha256(conn.sock.getpeercert(True)).digest()
more = {}
if binding != "absent":
    if binding == "wrong":
        hash = bytes(32)
    more["channel_bindings"] = ChannelBindings(application_data=b"tls-server-end-point:" + hash)
context = gssapi.SecurityContext(
    usage="initiate", mech=NTLM, flags=flags,
    name=gssapi.Name("HTTP@" + host, gssapi.NameType.hostbased_service),
    creds=gssapi.Credentials(name=gssapi.Name(user, gssapi.NameType.user), usage="initiate", mechs=[NTLM]), **more)


def request(**headers):
    conn.request("GET", "/", headers={k.replace("_", "-"): v for k, v in headers.items()})
    response = conn.getresponse()
    body = response.read().decode()
    print("status=%d" % response.status)
    return response, body


token = context.step(None)
while True:
    response, body = request(Authorization="NTLM " + base64.b64encode(token).decode())
    challenge = response.headers.get("WWW-Authenticate", "")
    if response.status != 401 or not challenge.startswith("NTLM "):
        break
    token = context.step(base64.b64decode(challenge[5:]))
print(body)
if response.status == 200 and protection != "none":
    context.verify_signature(b"from the server", base64.b64decode(response.headers["X-MIC"]))
    print("server MIC holds")
    mine = {"X_MIC": base64.b64encode(context.get_signature(b"from the client")).decode()}
    if protection == "seal":
        plain = context.unwrap(base64.b64decode(response.headers["X-Wrap"]))
        print("server says", plain.message.decode(), plain.encrypted)
        mine["X_Wrap"] = base64.b64encode(context.wrap(b"from the client", True).message).decode()
    print(request(**mine)[1])
