//! Names, ARNs, limits, requests, responses and errors of AWS Lambda's Invoke call: pure, no I/O.
