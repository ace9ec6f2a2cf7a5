using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Cli.Tests;

/// <summary><c>enclave doctor</c> on machines of many kinds.</summary>
public sealed class DoctorTests : IDisposable
{
    private const long Gibibyte = 1L << 30;
    private static readonly AcceleratorProbe Works = new(true, "a probe guest ran well on it in 3 ms"), Fails = new(false, "it does not run real code; a probe guest failed at SSE2: KVM could not emulate an instruction.");

    private static readonly HostReport Healthy = new()
    {
        System = "Debian, X64",
        Runtime = ".NET 10.0.0",
        CanHaveKvm = true,
        Device = new("/dev/kvm", "root", "kvm", (UnixFileMode)0b110_110_000),
        KvmProbe = Works,
        SoftwareProbe = Works,
        User = "ada",
        SessionGroups = ["ada", "kvm"],
        AccountGroups = ["ada", "kvm"],
        KvmModule = "kvm_intel",
        MostMemory = 16 * Gibibyte,
        AvailableMemory = 8 * Gibibyte,
        OpenFilesLimit = 1024,
    };

    private static readonly HostReport Forbidden = Healthy with
    {
        KvmProbe = null,
        OpenProblem = "open(\"/dev/kvm\") failed: Permission denied (errno 13). Add ...",
        SessionGroups = ["ada"],
        AccountGroups = ["ada"],
    };

    private static readonly HostReport NoDevice = Healthy with { Device = null, KvmProbe = null, OpenProblem = "open(\"/dev/kvm\") failed: No such file or directory (errno 2)." };

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_healthy_machine_has_nothing_to_mend()
    {
        var diagnosis = Diagnosis.Of(Healthy);
        diagnosis.Findings.Should().OnlyContain(finding => finding.Level == Diagnosis.Level.Good && finding.Remedy == null);
        (diagnosis.CanRun, diagnosis.Verdict).Should().Be((true, "An enclave can run here, on KVM."));
    }

    [Fact]
    public void Who_is_not_in_the_group_gets_the_command()
    {
        var kvm = Kvm(Forbidden);
        kvm.Text.Should().Be("ada may not open /dev/kvm, which belongs to root:kvm with mode 660");
        kvm.Remedy.Should().Be("Run: sudo usermod -aG kvm ada\nand log in again.");
        Diagnosis.Of(Forbidden).Verdict.Should().Be("An enclave can run here, on the software CPU.");
    }

    [Fact]
    public void A_group_of_another_name_is_named() =>
        Kvm(Forbidden with { Device = new("/dev/kvm", "root", "virt", (UnixFileMode)0b110_110_000) }).Remedy.Should().Contain("usermod -aG virt ada");

    [Theory]
    [InlineData("root", 0b110_110_000)]
    [InlineData("kvm", 0b110_000_000)]
    public void A_device_that_no_group_may_use_is_given_to_one(string group, int mode) =>
        Kvm(Forbidden with { Device = new("/dev/kvm", "root", group, (UnixFileMode)mode) }).Remedy
            .Should().Be("Run: sudo groupadd -f kvm && sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm && sudo usermod -aG kvm ada\nand log in again.\n"
                + "To keep it so: echo 'KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"' | sudo tee /etc/udev/rules.d/60-kvm.rules");

    [Fact]
    public void Who_has_not_logged_in_since_is_told_so() =>
        Kvm(Forbidden with { AccountGroups = ["ada", "kvm"] }).Remedy.Should().Contain("log in again").And.Contain("newgrp kvm").And.NotContain("usermod");

    [Theory]
    [InlineData(null, false, false, "firmware")]
    [InlineData(null, true, false, "nested virtualization")]
    [InlineData("kvm_amd", false, false, "sudo modprobe kvm_amd")]
    [InlineData("kvm_intel", true, true, "--device /dev/kvm")]
    public void Without_device_it_depends_on_the_machine(string? module, bool isVirtualMachine, bool isContainer, string remedy)
    {
        var kvm = Kvm(NoDevice with { KvmModule = module, IsVirtualMachine = isVirtualMachine, IsContainer = isContainer });
        kvm.Level.Should().Be(Diagnosis.Level.Warning);
        kvm.Text.Should().Be("there is no /dev/kvm");
        kvm.Remedy.Should().Contain(remedy);
    }

    [Fact]
    public void A_kvm_that_only_emulates_is_recognised()
    {
        var diagnosis = Diagnosis.Of(Healthy with { KvmProbe = Fails });
        Kvm(Healthy with { KvmProbe = Fails }).Text.Should().Contain("does not run real code");
        (diagnosis.CanRun, diagnosis.Verdict).Should().Be((true, "An enclave can run here, on the software CPU."));
    }

    [Fact]
    public void Other_machines_need_no_kvm()
    {
        var kvm = Kvm(NoDevice with { CanHaveKvm = false });
        (kvm.Level, kvm.Remedy).Should().Be((Diagnosis.Level.Good, null));
    }

    [Theory]
    [InlineData(null, true, true, true)]
    [InlineData("auto", false, true, true)]
    [InlineData("", false, false, false)]
    [InlineData("kvm", true, false, true)]
    [InlineData("KVM", false, true, false)]
    [InlineData("software", true, true, true)]
    [InlineData("software", true, false, false)]
    [InlineData("qemu", true, true, false)]
    public void The_variable_decides(string? variable, bool kvm, bool software, bool canRun)
    {
        var diagnosis = Diagnosis.Of(Healthy with { AcceleratorVariable = variable, KvmProbe = kvm ? Works : Fails, SoftwareProbe = software ? Works : Fails });
        diagnosis.CanRun.Should().Be(canRun);
        diagnosis.Verdict.Should().StartWith(canRun ? "An enclave can run here" : "No enclave can run here");
        var finding = diagnosis.Findings.SingleOrDefault(one => one.Subject == "ENCLAVE_ACCELERATOR");
        if (variable is null or "" or "auto")
            finding.Should().BeNull();
        else
            (finding!.Level == Diagnosis.Level.Bad || finding.Remedy is not null || canRun).Should().BeTrue();
    }

    [Fact]
    public void Limits_are_told_with_their_remedies()
    {
        var findings = Diagnosis.Of(Healthy with { MostMemory = 300 << 20, ControlGroupLimit = 400 << 20, AddressSpaceLimit = 4 * Gibibyte, OpenFilesLimit = 64 }).Findings;
        Finding("memory").Should().Match<Diagnosis.Finding>(one => one.Level == Diagnosis.Level.Warning && one.Text.Contains("limited to 400 MiB") && one.Remedy!.Contains("control group"));
        Finding("ulimit -v").Remedy.Should().Contain("ulimit -v unlimited");
        Finding("ulimit -n").Remedy.Should().Contain("ulimit -n 1024");

        Diagnosis.Finding Finding(string subject) => findings.Single(one => one.Subject == subject);
    }

    [Theory]
    [InlineData("0::/user/job", "sys/fs/cgroup/user/job/memory.max=1000", "sys/fs/cgroup/user/memory.max=500", 500L)]
    [InlineData("0::/user/job", "sys/fs/cgroup/user/job/memory.max=max", "sys/fs/cgroup/memory.max=700", 700L)]
    [InlineData("0::/elsewhere", "sys/fs/cgroup/memory.max=800", "sys/fs/cgroup/other=1", 800L)]
    [InlineData("4:cpu,memory:/a\n3:pids:/b", "sys/fs/cgroup/memory/a/memory.limit_in_bytes=900", "sys/fs/cgroup/memory/memory.limit_in_bytes=9223372036854771712", 900L)]
    [InlineData("4:memory:/a", "sys/fs/cgroup/memory/a/memory.limit_in_bytes=9223372036854771712", "x=1", null)]
    [InlineData("nonsense", "sys/fs/cgroup/memory.max=1", "x=1", null)]
    public void The_lowest_limit_of_the_control_groups_counts(string groups, string first, string second, long? limit)
    {
        Put("proc/self/cgroup=" + groups);
        Put(first);
        Put(second);
        new HostInspector(_directory[""].TrimEnd('/')).FindControlGroupLimit().Should().Be(limit);
    }

    [Fact]
    public void Limits_and_memory_are_read()
    {
        Put("proc/self/limits=Limit                     Soft Limit           Hard Limit           Units     \nMax address space         8192000              unlimited            bytes     \nMax open files            unlimited            1048576              files     ");
        Put("proc/meminfo=MemTotal:       24684000 kB\nMemAvailable:   23000 kB");
        var inspector = new HostInspector(_directory[""].TrimEnd('/'));
        inspector.FindLimit("Max address space").Should().Be(8192000);
        inspector.FindLimit("Max open files").Should().BeNull("unlimited is no limit");
        inspector.FindLimit("Max dreams").Should().BeNull();
        inspector.FindAvailableMemory().Should().Be(23000 * 1024);
        new HostInspector(_directory["nothing"]).FindAvailableMemory().Should().BeNull();
    }

    [Fact]
    public void It_is_printed_for_people()
    {
        var output = new StringWriter();
        DoctorCommand.Write(output, Diagnosis.Of(Forbidden)).Should().Be(ExitCode.Ok);
        output.ToString().ReplaceLineEndings("\n").Should().Be("""
            ok      .NET                .NET 10.0.0 on Debian, X64
            warning KVM                 ada may not open /dev/kvm, which belongs to root:kvm with mode 660
                                        Run: sudo usermod -aG kvm ada
                                        and log in again.
            ok      software CPU        a probe guest ran well on it in 3 ms
            ok      memory              16384 MiB for an enclave at most, 8192 MiB available now
            An enclave can run here, on the software CPU.

            """.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task It_judges_this_machine()
    {
        var run = await CommandRun.OfAsync("doctor");
        run.ExitCode.Should().Be(run.Output.Contains("An enclave can run here") ? ExitCode.Ok : ExitCode.Environment);
        run.Output.Should().MatchRegex("ok +.NET").And.MatchRegex("(ok|warning) +KVM").And.MatchRegex("(ok|bad) +software CPU").And.MatchRegex("(ok|warning) +memory +[0-9]+ MiB");
        run.Error.Should().BeEmpty();
    }

    private static Diagnosis.Finding Kvm(HostReport host) => Diagnosis.Of(host).Findings.Single(finding => finding.Subject == "KVM");

    private void Put(string pathAndContent)
    {
        string[] parts = pathAndContent.Split('=', 2);
        Directory.CreateDirectory(Path.GetDirectoryName(_directory[parts[0]])!);
        _directory.Write(parts[0], parts[1]);
    }
}
