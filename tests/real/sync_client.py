"""boto3 as a client of Cognito Sync at the endpoint given.

Asks for each [pool, identity] of the JSON list on standard input (identity null asks about the
pool) and prints what came back, as JSON.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client(
    "cognito-sync",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="AKIDBOTO",
    aws_secret_access_key="boto",
    config=Config(retries={"total_max_attempts": 1}),
)


def ask(pool, identity):
    try:
        if identity is None:
            answer = client.describe_identity_pool_usage(IdentityPoolId=pool)["IdentityPoolUsage"]
        else:
            answer = client.describe_identity_usage(IdentityPoolId=pool, IdentityId=identity)[
                "IdentityUsage"
            ]
    except ClientError as error:
        response = error.response["ResponseMetadata"]
        return {
            "class": type(error).__name__,
            "modelled": type(error) is not ClientError,
            "status": response["HTTPStatusCode"],
            "request_id": response["RequestId"],
        }
    if "LastModifiedDate" in answer:
        answer["LastModifiedDate"] = answer["LastModifiedDate"].timestamp()
    return answer


json.dump([ask(pool, identity) for pool, identity in json.load(sys.stdin)], sys.stdout)
