"""What the tests that drive the finished program share: private servers, the program, comparing."""
