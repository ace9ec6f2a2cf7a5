using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Nsm;

public sealed class PcrBankTests
{
    [Fact]
    public void Role_and_instance_are_hashed_without_an_inner_digest()
    {
        const string role = "arn:aws:iam::123456789012:role/signer";
        var pcrs = new PcrBank(TestModule.Measurements, new NsmOptions { RoleArn = role, InstanceId = "i-0aaaaaaaaaaaaaaaa" }).Current;

        Assert.Equal(Hash(role), pcrs[3]);
        Assert.Equal(Hash("i-0aaaaaaaaaaaaaaaa"), pcrs[4]);

        static PcrValue Hash(string text) => new(SHA384.HashData([.. new byte[48], .. Encoding.ASCII.GetBytes(text)]));
    }

    [Fact]
    public void Debug_mode_shows_nothing_of_the_image()
    {
        var pcrs = new PcrBank(TestModule.Measurements, new NsmOptions { DebugMode = true, RoleArn = "role" }).Current;

        Assert.All((int[])[0, 1, 2, 8], index => Assert.True(pcrs[index].IsZero));
        Assert.False(pcrs[3].IsZero);
        Assert.False(pcrs[4].IsZero);
    }

    [Fact]
    public void An_unsigned_image_has_no_PCR8() =>
        Assert.True(new PcrBank(TestModule.Measurements with { Pcr8 = null }, new NsmOptions()).Current[8].IsZero);

    [Fact]
    public void Registers_can_be_overridden()
    {
        var value = TestModule.Fill(0x77);
        var pcrs = new PcrBank(TestModule.Measurements, new NsmOptions { DebugMode = true, PcrOverrides = new Dictionary<int, PcrValue> { [0] = value, [17] = value } }).Current;

        Assert.Equal(value, pcrs[0]);
        Assert.Equal(value, pcrs[17]);
        Assert.True(pcrs.IsLocked(0));
        Assert.False(pcrs.IsLocked(17));
    }

    [Fact]
    public void State_can_be_saved_and_restored()
    {
        var bank = new PcrBank(TestModule.Measurements, new NsmOptions());
        bank.Extend(16, [1]);
        bank.Lock(30);
        var state = bank.Save();
        bank.Extend(16, [2]);
        var other = new PcrBank(TestModule.Measurements with { Pcr0 = default }, new NsmOptions());

        other.Restore(state);

        Assert.Equal(TestModule.Measurements.Pcr0, other.Current[0]);
        Assert.Equal(default(PcrValue).Extend([1]), other.Current[16]);
        Assert.True(other.IsLocked(30));
        Assert.False(other.IsLocked(31));
    }

    [Fact]
    public void A_snapshot_does_not_change()
    {
        var bank = new PcrBank(TestModule.Measurements, new NsmOptions());
        var before = bank.Current;

        bank.Extend(16, [1]);
        bank.Lock(16);

        Assert.True(before[16].IsZero);
        Assert.False(before.IsLocked(16));
        Assert.Equal(32, before.Count);
        Assert.Contains($"PCR16: {bank.Current[16]}\n", bank.Current.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Names_and_registers_are_checked()
    {
        Assert.Throws<ArgumentException>(new NsmOptions { InstanceId = "" }.Validate);
        Assert.Throws<ArgumentException>(new NsmOptions { ModuleId = new string('m', 101) }.Validate);
        Assert.Throws<ArgumentException>(new NsmOptions { PcrOverrides = new Dictionary<int, PcrValue> { [32] = default } }.Validate);
        Assert.Throws<ArgumentException>(() => new AttestationFaults { MissingField = "pcr" });
        Assert.Throws<ArgumentOutOfRangeException>(() => new AttestationFaults { WrongPcr = 32 });
        new NsmOptions().Validate();
    }
}
