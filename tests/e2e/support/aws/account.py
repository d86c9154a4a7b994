"""A pretended AWS account: moto's server over TLS, with four things that moto leaves out. Policies are evaluated with their
conditions for everybody but the operator; a web identity is checked against the role that it wants; behind each RDS
instance there is a PostgreSQL, so that its address leads somewhere; and that one checks the tokens of users who log in by
them. Reads its configuration from standard input as JSON.
"""

import base64
import fnmatch
import json
import random
import string
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import has_request_context, request
from moto.core import authorization
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.eks.models import Cluster
from moto.iam import access_control
from moto.iam.access_control import CreateAccessKeyFailure, IAMPolicy, IAMPolicyStatement, PermissionResult, create_access_key
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.rds.exceptions import InvalidParameterCombination, RDSClientError
from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse
from werkzeug.serving import run_simple

from log_in import LogIn, Refused, Token
from postgres import Databases

settings = json.load(sys.stdin)


# Policies: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_logic.html

def as_list(value):
    return value if isinstance(value, list) else [value]


def like(pattern, value):
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


OPERATORS = {
    "StringEquals": lambda wanted, value: value == wanted,
    "StringEqualsIgnoreCase": lambda wanted, value: value.lower() == wanted.lower(),
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda wanted, value: value.lower() == str(wanted).lower(),
    "NumericEquals": lambda wanted, value: float(value) == float(wanted),
    "NumericLessThan": lambda wanted, value: float(value) < float(wanted),
    "NumericLessThanEquals": lambda wanted, value: float(value) <= float(wanted),
    "NumericGreaterThan": lambda wanted, value: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda wanted, value: float(value) >= float(wanted),
}


def holds(operator, key, wanted, context):
    value = context.get(key.lower())
    if operator == "Null":
        return (value is None) == (str(as_list(wanted)[0]).lower() == "true")
    base = operator.removesuffix("IfExists")
    negative = "Not" in base and base not in OPERATORS
    test = OPERATORS[base.replace("Not", "", 1) if negative else base]
    if value is None:
        return negative or base != operator
    return any(test(each, value) for each in as_list(wanted)) != negative


def conditions_hold(statement, context):
    return all(
        holds(operator, key, wanted, context)
        for operator, pairs in statement.get("Condition", {}).items()
        for key, wanted in pairs.items()
    )


def request_context():
    if not has_request_context():
        return {}
    context = {"aws:securetransport": str(request.is_secure).lower(), "s3:tlsversion": "1.3"}
    for name, value in request.headers.items():
        if name.lower().startswith("x-amz-"):
            context[f"s3:{name.lower()}"] = value
    if "prefix" in request.args:
        context["s3:prefix"] = request.args["prefix"]
    return context


def verdict(self, action, resource="*", principal=None, incoming_condition_values=None):
    statement = self._statement
    matches = lambda element, value: any(like(pattern, value) for pattern in as_list(statement[element]))
    concerned = not matches("NotAction", action) if "NotAction" in statement else matches("Action", action)
    if "Resource" in statement:
        concerned = concerned and matches("Resource", resource)
    if "NotResource" in statement:
        concerned = concerned and not matches("NotResource", resource)
    if statement.get("Principal") not in (None, "*", {"AWS": "*"}):
        concerned = False
    if not concerned or not conditions_hold(statement, request_context()):
        return PermissionResult.NEUTRAL
    return PermissionResult.PERMITTED if statement["Effect"] == "Allow" else PermissionResult.DENIED


IAMPolicyStatement.is_action_permitted = verdict

# Names of permissions that differ from those of the operations.
PERMISSIONS = {
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "DeleteObjects": "DeleteObject",
    "ListBuckets": "ListAllMyBuckets",
}
authorize = authorization.ActionAuthenticatorMixin._authenticate_and_authorize_action


def authorize_all_but_operator(self, iam_request_cls, resource="*"):
    signature = self.headers.get("Authorization", "")
    if f"Credential={settings['operator']}/" in signature:
        return
    if not signature:
        # Whoever assumes a role by a web identity has no keys yet; that is checked below.
        if self._get_action() == "AssumeRoleWithWebIdentity":
            return
        if iam_request_cls is not access_control.S3IAMRequest:
            raise STSClientError("MissingAuthenticationToken", "Request is missing Authentication Token")
        from moto.s3.exceptions import S3AccessDeniedError

        raise S3AccessDeniedError()
    # Many at once are a request to the bucket, but what is permitted is about its objects.
    if self._get_action().startswith("DeleteObject") and "/" not in resource:
        resource = f"{resource}/object"
    print(f"{self._get_action()} on {resource}", file=sys.stderr)
    # Each request, from the first one on.
    authorization.ActionAuthenticatorMixin.request_count = 0
    authorize(self, iam_request_cls, resource)


authorization.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
authorization.ActionAuthenticatorMixin._authenticate_and_authorize_action = authorize_all_but_operator
init = access_control.IAMRequestBase.__init__


def init_with_permission(self, *args, action=None, **kwargs):
    init(self, *args, action=PERMISSIONS.get(action, action), **kwargs)


access_control.IAMRequestBase.__init__ = init_with_permission
# Botocore signs streamed uploads by another scheme than moto calculates.
access_control.IAMRequestBase.check_signature = lambda self: None


# Web identities: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html

def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    header, claims, signature = token.split(".")
    key = load_pem_public_key(settings["webIdentityKey"].encode())
    raw = decoded(signature)
    half = len(raw) // 2
    numbers = (int.from_bytes(part, "big") for part in (raw[:half], raw[half:]))
    key.verify(encode_dss_signature(*numbers), f"{header}.{claims}".encode(), ECDSA(SHA256()))
    return json.loads(decoded(claims))


def may_assume(backend, role_arn, token):
    try:
        claims = claims_of(token)
    except Exception as error:
        raise STSClientError("InvalidIdentityToken", "The web identity token could not be verified") from error
    if claims["exp"] < time.time():
        raise STSClientError("ExpiredTokenException", "Token must be redeemed within 24 hours of issuance")
    issuer = claims["iss"].removeprefix("https://")
    provider = next((each for each in backend.open_id_providers.values() if each.url == issuer), None)
    if provider is None:
        raise STSClientError("InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + claims["iss"])
    if not set(as_list(claims["aud"])) & set(provider.client_id_list):
        raise STSClientError("InvalidIdentityToken", "Incorrect token audience")
    context = {f"{issuer}:aud".lower(): as_list(claims["aud"])[0], f"{issuer}:sub".lower(): claims["sub"]}
    role = next((each for each in backend.roles.values() if each.arn == role_arn), None)
    document = json.loads(role.assume_role_policy_document) if role else {"Statement": []}
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRoleWithWebIdentity" in as_list(statement["Action"])
        and provider.arn in as_list(statement["Principal"].get("Federated", []))
        and conditions_hold(statement, context)
        for statement in as_list(document["Statement"])
    )


assume = TokenResponse.assume_role_with_web_identity


def assume_when_trusted(self):
    role_arn, token = self._get_param("RoleArn"), self._get_param("WebIdentityToken")
    if not may_assume(iam_backends[self.current_account][self.partition], role_arn, token):
        raise STSClientError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    print(f"AssumeRoleWithWebIdentity {role_arn}", file=sys.stderr)
    return assume(self)


TokenResponse.assume_role_with_web_identity = assume_when_trusted


# Databases

def check_token(name, user, password):
    token = Token(password)
    backend = rds_backends[settings["account"]][token.region]
    instance = backend.databases.get(name)
    if instance is None or not instance.iam_database_authentication_enabled:
        raise Refused("the instance takes no tokens")
    if token.address != f"{instance.address}:{instance.port}" or token.user != user:
        raise Refused(f"it is for {token.user} at {token.address}")
    token.check_age(settings["tokenSeconds"])
    account, partition = backend.account_id, backend.partition
    try:
        key = create_access_key(account, partition, token.key_id, {"X-Amz-Security-Token": token.session})
    except CreateAccessKeyFailure as error:
        raise Refused("nobody has such a key") from error
    token.check_signature(key.create_credentials().secret_key)
    resource = f"arn:{partition}:rds-db:{token.region}:{account}:dbuser:{instance.dbi_resource_id}/{user}"
    verdicts = {IAMPolicy(each).is_action_permitted("rds-db:connect", resource) for each in key.collect_policies()}
    if PermissionResult.DENIED in verdicts or PermissionResult.PERMITTED not in verdicts:
        raise Refused(f"{key.arn} may not connect to {resource}")
    print(f"rds-db:connect on {resource} by {key.arn}", file=sys.stderr)


databases = Databases(settings["databases"], LogIn(settings["host"], check_token))
create, restore, modify, delete, snapshot = (
    RDSBackend.create_db_instance,
    RDSBackend.restore_db_instance_from_db_snapshot,
    RDSBackend.modify_db_instance,
    RDSBackend.delete_db_instance,
    RDSBackend.create_db_snapshot,
)


def parameters_of(backend, group_name):
    group = backend.db_parameter_groups.get(group_name or "")
    return {name: each["ParameterValue"] for name, each in (group.parameters if group else {}).items()}


def create_with_server(self, db_kwargs):
    password = db_kwargs.get("master_user_password")
    group = self.db_parameter_groups.get(db_kwargs.get("db_parameter_group_name") or "")
    check_family(group, db_kwargs.get("engine_version"))
    instance = create(self, db_kwargs)
    instance.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
    try:
        databases.start(
            instance.db_instance_identifier,
            port=instance.port,
            parameters=parameters_of(self, instance.db_parameter_group_name),
            content=restoring.get("content"),
            user=instance.master_username,
            password=password,
            database=instance.db_name,
        )
    except Exception:
        self.databases.pop(instance.db_instance_identifier)
        raise
    return instance


def check_family(group, version):
    """A parameter group is for one major version."""
    family = group and group.family
    wanted = "postgres" + str(version).split(".")[0]
    if version and family and family != wanted:
        raise InvalidParameterCombination(
            f"The parameter group {group.name} with DBParameterGroupFamily {family} can't be used for this instance. "
            f"Use a parameter group with DBParameterGroupFamily {wanted}."
        )


restoring = {}


def restore_with_content(self, from_snapshot_id, overrides):
    restoring["content"] = from_snapshot_id.split(":")[-1]
    try:
        return restore(self, from_snapshot_id, overrides)
    finally:
        restoring.clear()


def modify_with_password(self, db_instance_identifier, db_kwargs):
    password = db_kwargs.get("master_user_password")
    before = self.describe_db_instances(db_instance_identifier)[0]
    name = db_kwargs.get("db_parameter_group_name") or before.db_parameter_group_name
    check_family(self.db_parameter_groups.get(name or ""), db_kwargs.get("engine_version") or before.engine_version)
    instance = modify(self, db_instance_identifier, db_kwargs)
    if password:
        databases.set_password(db_instance_identifier, instance.master_username, password)
    return instance


def delete_with_server(self, db_instance_identifier, *args, **kwargs):
    instance = delete(self, db_instance_identifier, *args, **kwargs)
    databases.stop(db_instance_identifier)
    return instance


def snapshot_with_content(self, db_instance_identifier, db_snapshot_identifier, *args, **kwargs):
    made = snapshot(self, db_instance_identifier, db_snapshot_identifier, *args, **kwargs)
    # The automated one of a new instance is made before its server.
    if made.snapshot_type == "manual":
        databases.dump(db_instance_identifier, db_snapshot_identifier)
    return made


RDSBackend.create_db_instance = create_with_server
RDSBackend.restore_db_instance_from_db_snapshot = restore_with_content
RDSBackend.modify_db_instance = modify_with_password
RDSBackend.delete_db_instance = delete_with_server
RDSBackend.create_db_snapshot = snapshot_with_content
DBInstance.address = property(lambda self: databases.address(self.db_instance_identifier))


# What is in use cannot be deleted.

delete_parameters, delete_subnets, delete_group = (
    RDSBackend.delete_db_parameter_group,
    RDSBackend.delete_subnet_group,
    EC2Backend.delete_security_group,
)


def delete_unused_parameters(self, db_parameter_group_name):
    name = db_parameter_group_name
    if any(each.db_parameter_group_name == name for each in self.databases.values()):
        raise RDSClientError(
            "InvalidDBParameterGroupState",
            f"One or more database instances are still members of this parameter group {name}, so the group cannot be deleted",
        )
    return delete_parameters(self, name)


def delete_unused_subnets(self, subnet_name):
    name = subnet_name
    users = [each.db_instance_identifier for each in self.databases.values() if each._db_subnet_group_name == name]
    if users:
        raise RDSClientError(
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{name}' because at least one database instance: {users[0]} is still using it.",
        )
    return delete_subnets(self, name)


def delete_unused_group(self, name=None, group_id=None):
    databases = rds_backends[self.account_id][self.region_name].databases.values()
    if any(group_id in each.vpc_security_group_ids for each in databases):
        raise EC2ClientError("DependencyViolation", f"resource {group_id} has a dependent object")
    return delete_group(self, name, group_id)


RDSBackend.delete_db_parameter_group = delete_unused_parameters
RDSBackend.delete_subnet_group = delete_unused_subnets
EC2Backend.delete_security_group = delete_unused_group


# The one cluster: its tokens are those of the embedded cluster.

init_cluster = Cluster.__init__


def init_as_embedded(self, *args, **kwargs):
    init_cluster(self, *args, **kwargs)
    self.identity = {"oidc": {"issuer": settings["issuer"]}}
    ec2 = ec2_backends[kwargs["account_id"]][kwargs["region_name"]]
    subnets = ec2.describe_subnets(subnet_ids=self.resources_vpc_config["subnetIds"])
    group = ec2.create_security_group(f"eks-cluster-sg-{self.name}", "EKS", vpc_id=subnets[0].vpc_id)
    self.resources_vpc_config = {
        **self.resources_vpc_config,
        "vpcId": subnets[0].vpc_id,
        "clusterSecurityGroupId": group.id,
    }


Cluster.__init__ = init_as_embedded


application = DomainDispatcherApplication(create_backend_app)
run_simple(
    settings["host"],
    settings["port"],
    application,
    threaded=True,
    request_handler=MotoRequestHandler,
    ssl_context=(settings["certificate"], settings["key"]),
)
