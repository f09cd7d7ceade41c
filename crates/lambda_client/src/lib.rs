//! One Lambda invocation over the network: credentials, signing, connections, retries.
