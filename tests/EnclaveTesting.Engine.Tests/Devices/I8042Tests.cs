using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>The keyboard controller: the questions of drivers/input/serio/i8042.c, and the reset line.</summary>
public class I8042Tests
{
    private const byte OutputFull = 1, System = 4, LastWasCommand = 8;

    private readonly I8042 _controller;
    private int _resets;

    public I8042Tests() => _controller = new I8042(() => _resets++);

    private byte Status => _controller.ReadPort(I8042.CommandPort);

    [Fact]
    public void Nothing_waits_at_first()
    {
        Status.Should().Be(System);
        _controller.ReadPort(I8042.DataPort);
        Status.Should().Be(System);
    }

    [Fact]
    public void The_configuration_is_kept()
    {
        byte found = Ask(0x20);
        Command(0x60);
        Data((byte)(found ^ 0x43));
        Ask(0x20).Should().Be((byte)(found ^ 0x43));
    }

    [Theory]
    [InlineData(0xA7, 0x20, 0x20)]
    [InlineData(0xA8, 0x20, 0x00)]
    [InlineData(0xAD, 0x10, 0x10)]
    [InlineData(0xAE, 0x10, 0x00)]
    public void Ports_are_switched_by_commands(byte command, byte bit, byte expected)
    {
        Command(command);
        (Ask(0x20) & bit).Should().Be(expected);
    }

    [Theory]
    [InlineData(0xAA, 0x55)]
    [InlineData(0xAB, 0x00)]
    [InlineData(0xA9, 0x00)]
    [InlineData(0xD0, 0x03)]
    public void Questions_have_answers(byte command, byte answer) => Ask(command).Should().Be(answer);

    [Fact]
    public void An_answer_is_taken_once()
    {
        Command(0xAA);
        Status.Should().Be(System | OutputFull | LastWasCommand);
        _controller.ReadPort(I8042.DataPort).Should().Be(0x55);
        Status.Should().Be(System | LastWasCommand);
        Data(0);
        Status.Should().Be(System);
    }

    [Fact]
    public void What_is_written_into_the_output_buffer_comes_back()
    {
        Command(0xD2);
        Data(0x5A);
        (Status & OutputFull).Should().Be(OutputFull);
        _controller.ReadPort(I8042.DataPort).Should().Be(0x5A);
    }

    [Fact]
    public void Only_pulses_of_the_reset_line_reset()
    {
        var resetting = new List<int>();
        for (int command = 0; command < 256; command++)
        {
            _resets = 0;
            Command((byte)command);
            // Completes a command that wants a byte, without pulling the reset line by it.
            Data(0xFF);
            if (_resets > 0)
                resetting.Add(command);
        }

        resetting.Should().Equal(0xF0, 0xF2, 0xF4, 0xF6, 0xF8, 0xFA, 0xFC, 0xFE);
    }

    [Fact]
    public void The_output_port_has_the_reset_line_too()
    {
        Command(0xD1);
        Data(0xFE);
        _resets.Should().Be(1);
        Data(0xFE);
        _resets.Should().Be(1, "the command was complete");
    }

    private byte Ask(byte command)
    {
        Command(command);
        (Status & OutputFull).Should().Be(OutputFull);
        return _controller.ReadPort(I8042.DataPort);
    }

    private void Command(byte value) => _controller.WritePort(I8042.CommandPort, value);

    private void Data(byte value) => _controller.WritePort(I8042.DataPort, value);
}
