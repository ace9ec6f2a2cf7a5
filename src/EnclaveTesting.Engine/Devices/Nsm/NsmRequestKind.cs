namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The requests of the module's interface (aws-nitro-enclaves-nsm-api, enum Request).</summary>
internal enum NsmRequestKind
{
    DescribeNsm,
    GetRandom,
    DescribePcr,
    ExtendPcr,
    LockPcr,
    LockPcrs,
    Attestation,
}
