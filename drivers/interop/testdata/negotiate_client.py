"""python3-gssapi as an HTTP client, over MIT krb5 and gss-ntlmssp.

negotiate_client.py URL CA MECHANISM BINDING

MECHANISM is spnego, or ntlm or krb5 for their bare tokens in place of SPNEGO; BINDING is what
the initiator is told of the TLS channel, in hexadecimal. What goes over the
connection is printed in lines: "status=" for each leg, then the content of the last
one. Then follows a request that carries the initiator's MIC of "ping"; "pong=" tells
whether the acceptor's MIC of "pong" in the response is right.
"""
import base64
import http.client
import ssl
import sys
from urllib.parse import urlsplit

import gssapi
from gssapi.raw import ChannelBindings

url, ca, mechanism, binding = sys.argv[1:]
u = urlsplit(url)
if u.scheme == "https":
    conn = http.client.HTTPSConnection(u.hostname, u.port, context=ssl.create_default_context(cafile=ca), timeout=20)
else:
    conn = http.client.HTTPConnection(u.hostname, u.port, timeout=20)

mechanisms = {"ntlm": "1.3.6.1.4.1.311.2.2.10", "krb5": "1.2.840.113554.1.2.2", "spnego": "1.3.6.1.5.5.2"}
flag = gssapi.RequirementFlag
ctx = gssapi.SecurityContext(
    name=gssapi.Name("HTTP@" + u.hostname, gssapi.NameType.hostbased_service),
    mech=gssapi.OID.from_int_seq(mechanisms[mechanism]),
    flags=flag.integrity | flag.confidentiality | flag.mutual_authentication | flag.out_of_sequence_detection,
    usage="initiate",
    channel_bindings=ChannelBindings(application_data=bytes.fromhex(binding)) if binding else None,
)


def get(headers):
    conn.request("GET", "/", headers=headers)
    response = conn.getresponse()
    body = response.read().decode()
    token = None
    for value in response.headers.get_all("WWW-Authenticate") or []:
        name, _, text = value.partition(" ")
        if name == "Negotiate" and text:
            token = base64.b64decode(text)
    print("status=%d" % response.status)
    return response, token, body


response, token, body = get({})
out = ctx.step()
while out:
    response, token, body = get({"Authorization": "Negotiate " + base64.b64encode(out).decode()})
    if not token:
        break
    try:
        out = ctx.step(token)
    except gssapi.exceptions.GSSError:  # a reject
        break
print(body, end="")
print("complete=%s" % ctx.complete)
if response.status == 200 and ctx.complete:
    mic = base64.b64encode(ctx.get_signature(b"ping")).decode()
    response, _, _ = get({"X-MIC": mic})
    try:
        ctx.verify_signature(b"pong", base64.b64decode(response.headers["X-MIC"] or ""))
        print("pong=right")
    except gssapi.exceptions.GSSError:
        print("pong=wrong")
