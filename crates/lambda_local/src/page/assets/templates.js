// Events to begin with: those of SQL first, then small forms of what AWS's services send.

export const templates = {
  Hello: { name: 'world' },
  Empty: {},
  'Row of a table': { id: 1, email: 'ada@example.com', created_at: '2026-01-31T12:00:00Z', tags: ['new'] },
  'Batch of rows': [{ id: 1, text: 'first' }, { id: 2, text: 'second' }, { id: 3, text: 'third' }],
  'SQS message': {
    Records: [{
      messageId: '059f36b4-87a3-44ab-83d2-661975830a7d', receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a',
      body: 'Test message.', attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1545082649183' }, messageAttributes: {},
      eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:my-queue', awsRegion: 'us-east-1',
    }],
  },
  'SNS notification': {
    Records: [{
      EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: 'arn:aws:sns:us-east-1:000000000000:my-topic:1',
      Sns: { Type: 'Notification', MessageId: '95df01b4-ee98-5cb9-9903-4c221d41eb5e', TopicArn: 'arn:aws:sns:us-east-1:000000000000:my-topic', Subject: 'TestInvoke', Message: 'Hello from SNS!', Timestamp: '2026-01-31T12:00:00.000Z' },
    }],
  },
  'S3 object created': {
    Records: [{
      eventVersion: '2.1', eventSource: 'aws:s3', awsRegion: 'us-east-1', eventTime: '2026-01-31T12:00:00.000Z', eventName: 'ObjectCreated:Put',
      s3: { s3SchemaVersion: '1.0', bucket: { name: 'my-bucket', arn: 'arn:aws:s3:::my-bucket' }, object: { key: 'folder/file.txt', size: 1024, eTag: '0123456789abcdef0123456789abcdef', sequencer: '0A1B2C3D4E5F678901' } },
    }],
  },
  'EventBridge schedule': {
    version: '0', id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa', 'detail-type': 'Scheduled Event', source: 'aws.events', account: '000000000000',
    time: '2026-01-31T12:00:00Z', region: 'us-east-1', resources: ['arn:aws:events:us-east-1:000000000000:rule/my-rule'], detail: {},
  },
  'API Gateway HTTP request': {
    version: '2.0', routeKey: 'POST /items', rawPath: '/items', rawQueryString: 'limit=10', headers: { 'content-type': 'application/json' },
    queryStringParameters: { limit: '10' }, requestContext: { http: { method: 'POST', path: '/items', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' }, requestId: 'id', stage: '$default' },
    body: '{"name":"world"}', isBase64Encoded: false,
  },
};
