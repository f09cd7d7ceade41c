// The function name of AWS's documentation, in Node.js: echoes the event, the client context and
// the version, so that a caller can see what arrived. Its alias `custom_version` is the one there.
export const handler = async (event, context) => {
  console.log(`called as ${context.invokedFunctionArn}`);
  return {
    event,
    clientContext: context.clientContext ?? null,
    functionVersion: context.functionVersion,
  };
};
