"""boto3 as a client of Cognito Identity, and of Cognito Sync with the keys that it hands out.

Reads a JSON list of calls on standard input, each [who, operation, parameters], where who is
"owner" (of the account), "nobody" (unsigned), or the id of an identity, which calls Cognito Sync
with keys that were handed out for it. Prints what came back, as JSON, without the keys.
"""

import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError


def client(service, key=None, secret=None, token=None, **config):
    return boto3.client(
        service,
        "us-east-1",
        endpoint_url=sys.argv[1],
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


owner = client("cognito-identity", "AKIDBOTO", "boto")
nobody = client("cognito-identity", signature_version=UNSIGNED)
guests = {}


def caller(who):
    if who in ("owner", "nobody"):
        return {"owner": owner, "nobody": nobody}[who]
    if who not in guests:
        keys = nobody.get_credentials_for_identity(IdentityId=who)["Credentials"]
        keys = (keys["AccessKeyId"], keys["SecretKey"], keys["SessionToken"])
        guests[who] = client("cognito-sync", *keys)
    return guests[who]


def ask(who, operation, parameters):
    try:
        answer = getattr(caller(who), operation)(**parameters)
    except ClientError as error:
        return {
            "class": type(error).__name__,
            "code": error.response["Error"]["Code"],
            "message": error.response["Error"]["Message"],
            "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
        }
    del answer["ResponseMetadata"]
    if "Credentials" in answer:
        answer["Credentials"] = {
            key: value if key == "Expiration" else len(value)
            for key, value in answer["Credentials"].items()
        }
    if "NextToken" in answer:
        rest = ask(who, operation, parameters | {"NextToken": answer.pop("NextToken")})
        for key, value in rest.items():
            if isinstance(value, list):
                answer[key] += value
    return answer


json.dump(
    [ask(*call) for call in json.load(sys.stdin)],
    sys.stdout,
    default=lambda date: date.timestamp(),
)
