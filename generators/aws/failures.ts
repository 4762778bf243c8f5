/** What AWS says when it refuses, and the way out. Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */

const hints: readonly (readonly [codes: readonly string[], hint: string])[] = [
  [
    ['CredentialsProviderError', 'TokenProviderError'],
    'set AWS_PROFILE or --profile, sign in with aws sso login, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ],
  [['RegionMissing'], 'give --region, set AWS_REGION, or write region into the profile'],
  [
    [
      'AuthFailure',
      'InvalidClientTokenId',
      'UnrecognizedClientException',
      'SignatureDoesNotMatch',
      'InvalidAccessKeyId',
    ],
    'the credentials are wrong or belong to another partition: see aws sts get-caller-identity; is the clock right?',
  ],
  [
    ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired'],
    'the credentials have expired: sign in again (aws sso login)',
  ],
  [
    ['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException'],
    'the IAM user or role may not do this; docs/aws.md has a policy that suffices',
  ],
  [
    ['OptInRequired', 'PendingVerification', 'Blocked'],
    'the account is not ready for EC2: see its messages in the console',
  ],
  [
    [
      'VcpuLimitExceeded',
      'InstanceLimitExceeded',
      'VolumeLimitExceeded',
      'MaxIOPSLimitExceeded',
      'NetworkInterfaceLimitExceeded',
      'SecurityGroupLimitExceeded',
      'RulesPerSecurityGroupLimitExceeded',
      'SecurityGroupsPerInterfaceLimitExceeded',
      'TooManyLoadBalancers',
      'TooManyLoadBalancersException',
      'TooManyTargetGroups',
      'TooManyTargetGroupsException',
      'TooManyTargets',
    ],
    'ask for more at Service Quotas in the console, or choose smaller machines; then run the same again',
  ],
  [
    ['InsufficientInstanceCapacity', 'InsufficientCapacity', 'InsufficientHostCapacity', 'Unsupported'],
    'the zone has none left: choose another --instance-type, give further --subnet in other zones, or try again later',
  ],
  [['InvalidInstanceType'], 'aws ec2 describe-instance-type-offerings lists the types of a region'],
  [
    ['InvalidSubnetID.NotFound', 'InvalidSubnetID.Malformed'],
    'aws ec2 describe-subnets lists them; is it the right --region?',
  ],
  [
    ['InvalidGroup.NotFound', 'InvalidGroupId.Malformed', 'InvalidGroup.Duplicate'],
    'check --security-group, or let --create-security-groups make them; is it the right --region?',
  ],
  [
    ['InvalidAMIID.NotFound', 'InvalidAMIID.Malformed', 'InvalidAMIID.Unavailable'],
    'gen ami find and gen ami list show images of this region',
  ],
  [['InvalidKeyPair.NotFound'], 'aws ec2 describe-key-pairs lists the keys of this region'],
  [
    ['InvalidIPAddress.InUse', 'InvalidAddress.InUse'],
    'another machine has the address: gen launch destroy removes an earlier one of ours; or change it in the blueprint',
  ],
  [
    ['IdempotentParameterMismatch'],
    'an earlier request with the same token differs: gen launch destroy, then launch anew',
  ],
  [
    [
      'RequestLimitExceeded',
      'Throttling',
      'ThrottlingException',
      'EC2ThrottledException',
      'TooManyRequestsException',
    ],
    'too many requests at once, also from others in the account: run the same again in a minute; AWS_MAX_ATTEMPTS tries more often',
  ],
  [
    ['OptInRequired', 'SubscriptionRequired'],
    'accept the terms of the image in AWS Marketplace, or choose another --image',
  ],
  [
    [
      'ECONNREFUSED',
      'ENOTFOUND',
      'EAI_AGAIN',
      'ETIMEDOUT',
      'ECONNRESET',
      'EPIPE',
      'TimeoutError',
      'NetworkingError',
    ],
    'is the network there, and --region or --endpoint-url right?',
  ],
]

export function hintFor(code: string): string | undefined {
  return hints.find(([codes]) => codes.includes(code))?.[1]
}

/** The zone, not the request, is why: another subnet may do. */
export function isAboutZone(code: string): boolean {
  return [
    'InsufficientInstanceCapacity',
    'InsufficientCapacity',
    'InsufficientHostCapacity',
    'Unsupported',
  ].includes(code)
}
