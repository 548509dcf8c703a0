Console.WriteLine("seal");
