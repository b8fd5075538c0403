from mediasrv.cli import main

main()
