"""What keeps a transport private: SRTP, DTLS and the authentication of ICE-lite."""
