"""boto3 as a client of the simulator: boto3_client.py ENDPOINT THREADS CALLS

Asks for CALLS identities with THREADS threads; prints CPU microseconds a call and calls a second.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

endpoint, threads, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = boto3.client(
    "cognito-sync",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="AKIDBOTO",
    aws_secret_access_key="boto",
    config=Config(max_pool_connections=threads, retries={"total_max_attempts": 1}),
)
POOL = "us-east-1:00000000-0000-4000-8000-000000000000"


def ask(number):
    identity = f"us-east-1:11111111-1111-4111-8111-{number:012x}"
    answer = client.describe_identity_usage(IdentityPoolId=POOL, IdentityId=identity)
    assert answer["IdentityUsage"]["DataStorage"] == 12345


ask(0)
cpu, wall = time.process_time(), time.perf_counter()
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(ask, range(calls)))
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(cpu / calls * 1e6, calls / wall)
