"""python3-gssapi over MIT krb5 as one half of a handshake, in lines of standard input and
output.

gss_peer.py accept BINDING
gss_peer.py initiate SERVICE BINDING FLAGS

BINDING is what this half is told of the TLS channel, in hexadecimal. FLAGS are
mutual and deleg, with a comma between. Each line is a token in base64, "-" for none. Once the
context is complete follow, each in a line: what is known of it as JSON; then this half's MIC
of "hello" and Wrap of it, with and without encryption. Three lines of the same
kind from the other half come in, and "right" or what is wrong goes out.
"""
import base64
import json
import sys

import gssapi
from gssapi.raw import ChannelBindings

role, args = sys.argv[1], sys.argv[2:]
flag = gssapi.RequirementFlag
krb5 = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2")


def bindings(text):
    return ChannelBindings(application_data=bytes.fromhex(text)) if text else None


def read():
    line = sys.stdin.readline()
    if not line:  # the other half has heard enough
        sys.exit(0)
    line = line.strip()
    return None if line in ("", "-") else base64.b64decode(line)


def write(token):
    print(base64.b64encode(token).decode() if token else "-", flush=True)


if role == "accept":
    ctx = gssapi.SecurityContext(usage="accept", channel_bindings=bindings(args[0]))
    token = read()
else:
    want = flag.integrity | flag.confidentiality | flag.out_of_sequence_detection | flag.replay_detection
    if "mutual" in args[2]:
        want |= flag.mutual_authentication
    if "deleg" in args[2]:
        want |= flag.delegate_to_peer
    ctx = gssapi.SecurityContext(
        name=gssapi.Name(args[0], gssapi.NameType.hostbased_service), mech=krb5, flags=want,
        usage="initiate", channel_bindings=bindings(args[1]))
    token = None
try:
    while True:
        out = ctx.step(token)
        if out or not ctx.complete or role == "accept":
            write(out)
        if ctx.complete:
            break
        token = read()
except gssapi.exceptions.GSSError as e:
    print(json.dumps({"error": str(e)}), flush=True)
    sys.exit(0)
about = {
    "name": str(ctx.initiator_name),
    "flags": int(ctx.actual_flags),
    "delegated": "",
    "lifetime": ctx.lifetime,
}
if role == "accept" and ctx.delegated_creds:
    about["delegated"] = str(ctx.delegated_creds.name)
print(json.dumps(about), flush=True)
write(ctx.get_signature(b"hello"))
write(ctx.wrap(b"hello", False).message)
write(ctx.wrap(b"hello", True).message)
try:
    ctx.verify_signature(b"hello", read())
    plain, sealed = ctx.unwrap(read()), ctx.unwrap(read())
    ok = plain.message == sealed.message == b"hello" and not plain.encrypted and sealed.encrypted
    print("right" if ok else "something else came out", flush=True)
except gssapi.exceptions.GSSError as e:
    print(str(e), flush=True)
