"""boto3 as an app of Cognito Sync at the endpoint given.

Reads {"pool", "identity", "updates"} on standard input. Each update is a dataset's name and its
records, each a key and the bytes that it takes with its value, written in one request; null in
place of records deletes the dataset. Prints what came of each update (null or the exception's
class and status), the identity's datasets and its usage, as JSON.
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


def pages(call, items, **about):
    token = {}
    while True:
        page = call(**about, **token)
        yield from page[items]
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def update(records, **about):
    try:
        if records is None:
            client.delete_dataset(**about)
            return None
        session = client.list_records(**about)["SyncSessionToken"]
        known = {
            record["Key"]: record["SyncCount"]
            for record in pages(client.list_records, "Records", **about)
        }
        patches = [
            {
                "Op": "replace",
                "Key": key,
                "Value": "x" * (size - len(key.encode())),
                "SyncCount": known.get(key, 0),
            }
            for key, size in records
        ]
        answer = client.update_records(**about, SyncSessionToken=session, RecordPatches=patches)
        written = {record["Key"]: record["Value"] for record in answer["Records"]}
        assert written == {patch["Key"]: patch["Value"] for patch in patches}
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return [type(error).__name__, status]
    return None


def main(pool, identity, updates):
    about = {"IdentityPoolId": pool, "IdentityId": identity}
    json.dump(
        {
            "updates": [
                update(records, DatasetName=dataset, **about) for dataset, records in updates
            ],
            "datasets": list(pages(client.list_datasets, "Datasets", **about)),
            "usage": client.describe_identity_usage(**about)["IdentityUsage"],
        },
        sys.stdout,
        default=lambda date: date.timestamp(),
    )


main(**json.load(sys.stdin))
