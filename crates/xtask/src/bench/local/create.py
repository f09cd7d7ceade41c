import io, os, sys, time, zipfile
import botocore.session

address, folder, name, count = sys.argv[1:]
session = botocore.session.get_session()
session.set_credentials("test", "test")
client = session.create_client("lambda", "us-east-1", endpoint_url="http://" + address)
buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
    for file in os.listdir(folder):
        archive.write(os.path.join(folder, file), file)
runtimes = {"python": ("python3.%d" % sys.version_info[1], "lambda_function.lambda_handler"),
            "node": ("nodejs22.x", "index.handler"), "bootstrap": ("provided.al2023", "any")}
runtime, handler = runtimes[name]
for number in range(int(count)):
    begin = time.perf_counter()
    made = client.create_function(
        FunctionName=f"{name}{number}", Runtime=runtime, Handler=handler,
        Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": buffer.getvalue()})
    while made["State"] != "Active":
        time.sleep(0.001)
        made = client.get_function_configuration(FunctionName=f"{name}{number}")
    print((time.perf_counter() - begin) * 1000)
