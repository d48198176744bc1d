/* peer_client.java - the client of Java for matrix_test.py: java peer_client.java PLAN
 *
 * Each line of PLAN has fields with a tab between: ANSWER PORT VERSION CA CERT KEY P12 REQUEST.
 * For each, two connections from one context, the second to resume the first; what came is
 * written to ANSWER.1 and ANSWER.2, or ANSWER.error says what happened. P12 "-": none. */
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class PeerClient {
  static final char[] PASSWORD = "foal".toCharArray();
  static final int TIMEOUT_MS = 30000;

  static SSLContext context(String authority, String identity) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    try (InputStream in = new FileInputStream(authority)) {
      trusted.setCertificateEntry("it",
          CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    KeyManagerFactory keys =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    KeyStore own = null;
    if (!identity.equals("-")) {
      own = KeyStore.getInstance("PKCS12");
      try (InputStream in = new FileInputStream(identity)) {
        own.load(in, PASSWORD);
      }
    }
    keys.init(own, PASSWORD);
    SSLContext made = SSLContext.getInstance("TLS");
    made.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return made;
  }

  static byte[] ask(SSLContext context, int port, String version, byte[] request)
      throws Exception {
    Socket plain = new Socket(InetAddress.getByName("127.0.0.1"), port);
    plain.setSoTimeout(TIMEOUT_MS);
    try (SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(
             plain, "localhost", port, true)) {
      SSLParameters wish = tls.getSSLParameters();
      wish.setProtocols(new String[] {version});
      wish.setEndpointIdentificationAlgorithm("HTTPS");
      tls.setSSLParameters(wish);
      tls.getOutputStream().write(request);
      return tls.getInputStream().readAllBytes();
    }
  }

  public static void main(String[] arguments) throws Exception {
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] field = line.split("\t");
      try {
        SSLContext context = context(field[3], field[6]);
        byte[] request = Files.readAllBytes(Path.of(field[7]));
        for (int i = 1; i <= 2; i++)
          Files.write(Path.of(field[0] + "." + i),
              ask(context, Integer.parseInt(field[1]), "TLSv" + field[2], request));
      } catch (Exception error) {
        Files.writeString(Path.of(field[0] + ".error"), error.toString());
      }
    }
  }
}
