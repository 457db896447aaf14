PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "people"(
"userId" TEXT, "name" TEXT, "email" TEXT, "mobile" TEXT,
 "username" TEXT, "city" TEXT);
INSERT INTO people VALUES('6319a11aad8fe784821b7947','Ada Lovelace','ada@example.com','13800138000','ada','London');
INSERT INTO people VALUES('6319a1ce3cbee40526fad3bf','O''Neil, Sam','sam.oneil@example.org','13900139001','sam.o','Dublin');
INSERT INTO people VALUES('6319a181cbeee085cbda2e37','张三','zhangsan@example.cn','15012345678','zhangsan','北京');
INSERT INTO people VALUES('6319a1355b1edd0670b988af','Émile "Zo" Z','emile+z@example.fr','18688886666','00123','Paris, 5e');
COMMIT;
