"""Log-in to databases of RDS by tokens: PostgreSQL asks by LDAP whether a password is one, as RDS asks by PAM. A token is a
request to connect, signed by whoever it is for:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
"""

import hashlib
import hmac
import socketserver
import sys
import threading
from datetime import datetime, timezone
from urllib.parse import parse_qs

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import SubstrateUnderrunError
from pyasn1_modules import rfc2251

ALGORITHM = "AWS4-HMAC-SHA256"
INVALID_CREDENTIALS = 49


class Refused(Exception):
    pass


class Token:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""

    def __init__(self, text):
        self.address, _, self._query = text.partition("/?")
        self._fields = {name: values[0] for name, values in parse_qs(self._query).items()}
        if self._field("Action") != "connect" or self._field("X-Amz-Algorithm") != ALGORITHM:
            raise Refused("it is no token")
        self.user = self._field("DBUser")
        self.key_id, _, self._scope = self._field("X-Amz-Credential").partition("/")
        self.region = self._scope.split("/")[1]
        self.session = self._field("X-Amz-Security-Token")
        self._time = self._field("X-Amz-Date")
        self._seconds = int(self._field("X-Amz-Expires"))

    def _field(self, name):
        if name not in self._fields:
            raise Refused("it is no token")
        return self._fields[name]

    def check_age(self, limit):
        signed = datetime.strptime(self._time, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        age = (datetime.now(timezone.utc) - signed).total_seconds()
        if not -60 < age < min(self._seconds, limit):
            raise Refused(f"it is {age:.0f} s old")

    def check_signature(self, secret):
        if self._scope != f"{self._time[:8]}/{self.region}/rds-db/aws4_request":
            raise Refused(f"it is signed for {self._scope}")
        pairs = sorted(pair for pair in self._query.split("&") if not pair.startswith("X-Amz-Signature="))
        canonical = f"GET\n/\n{'&'.join(pairs)}\nhost:{self.address}\n\nhost\n{hashlib.sha256().hexdigest()}"
        signed = f"{ALGORITHM}\n{self._time}\n{self._scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{secret}".encode()
        for part in [*self._scope.split("/"), signed]:
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(key.hex(), self._field("X-Amz-Signature")):
            raise Refused("its signature is wrong")


class LogIn(socketserver.ThreadingTCPServer):
    """`check(instance, user, password)` raises Refused."""

    daemon_threads = True

    def __init__(self, host, check):
        super().__init__((host, 0), Connection)
        self.check = check
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def rule(self, instance):
        """Line of pg_hba.conf for users who log in by tokens."""
        host, port = self.server_address
        return f'hostssl all +rds_iam all ldap ldapserver={host} ldapport={port} ldapprefix="cn=" ldapsuffix=",dc={instance}"\n'


class Connection(socketserver.BaseRequestHandler):
    """https://www.rfc-editor.org/rfc/rfc2251: one request to bind, and one that says goodbye."""

    def handle(self):
        received = b""
        while data := self.request.recv(65_536):
            received += data
            try:
                message, received = decoder.decode(received, asn1Spec=rfc2251.LDAPMessage())
            except SubstrateUnderrunError:
                continue
            if message["protocolOp"].getName() != "bindRequest":
                return
            self.request.sendall(self._answer(message))

    def _answer(self, message):
        bind = message["protocolOp"]["bindRequest"]
        user, _, instance = str(bind["name"]).removeprefix("cn=").partition(",dc=")
        code = 0
        try:
            self.server.check(instance, user, bytes(bind["authentication"]["simple"]).decode())
        except Refused as reason:
            print(f"{user} is refused by {instance}: {reason}", file=sys.stderr, flush=True)
            code = INVALID_CREDENTIALS
        answer = rfc2251.LDAPMessage()
        answer["messageID"] = message["messageID"]
        result = answer["protocolOp"]["bindResponse"]
        result["resultCode"] = code
        result["matchedDN"] = ""
        result["errorMessage"] = ""
        return encoder.encode(answer)
