[assembly: AssemblyFixture(typeof(HelloEnclave.Xunit3.Hello))]
